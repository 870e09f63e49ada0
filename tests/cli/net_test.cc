// `mayfly run --net`, as far as the command line goes: that frames come and go is for the tests of
// the guest `netbench`, which this one only lends.

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "api/testing/passt.h"
#include "tests/cli/cli_test.h"
#include "virtio/net/backends/tap_device.h"
#include "virtio/net/testing/own_network.h"

namespace mayfly::testing {
namespace {

using api::testing::HasPasst;
using api::testing::kNeedsPasst;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kUsage = 2;
constexpr int kFailure = 125;
// The number that a tap of ours has in the command.
constexpr int kTapFd = 9;

class NetTest : public CliTest {
 protected:
  // The guest sends for a moment.
  [[nodiscard]] Command Sender(const std::string& net) const {
    return RunGuest("netbench", {"--net", net, "--cmdline", "cases=tx-64 ms=20"});
  }
  static void ExpectSent(Command&& command) {
    const CommandResult result = command.Run();
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
    EXPECT_THAT(result.out, HasSubstr("result tx-64 "));
    EXPECT_THAT(result.err, IsEmpty());
  }
  static void ExpectComplaint(Command&& command, const std::vector<std::string>& parts) {
    const CommandResult result = command.Run();
    EXPECT_EQ(result.exit_code, kUsage) << result.err;
    for (const std::string& part : parts) EXPECT_THAT(result.err, HasSubstr(part));
  }
};

// Preparations: a network of the command's own, in which taps come and go with it.

void EnterEmptyNetwork() {
  if (!virtio::EnterEmptyNetwork().ok()) ::_exit(98);
}

// A tap that is open in the command as kTapFd.
void OpenTapFd() {
  EnterEmptyNetwork();
  auto queues = virtio::OpenTap("mayfly%d", 1);
  if (!queues.ok()) ::_exit(98);
  const int tap = queues->front().release();  // for ever: it may be kTapFd itself
  if (::dup2(tap, kTapFd) != kTapFd || ::fcntl(kTapFd, F_SETFD, 0) != 0 ||
      ::fcntl(kTapFd, F_SETFL, 0) != 0) {  // one that blocks, as many are handed in
    ::_exit(98);
  }
}

// A TCP port of all addresses that nobody else can have.
class TakenPort final {
 public:
  TakenPort() : socket_(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_.get(), any, size) != 0 || ::listen(socket_.get(), 1) != 0 ||
        ::getsockname(socket_.get(), any, &size) != 0) {
      return;
    }
    number_ = ntohs(address.sin6_port);
  }
  [[nodiscard]] uint16_t number() const { return number_; }

 private:
  OwnedFd socket_;
  uint16_t number_ = 0;
};

// Whether this host lets us have taps at all.
bool MayHaveTaps() {
  return ::geteuid() == 0 && OwnedFd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC)).valid();
}

TEST_F(NetTest, NoneIsADeviceAllTheSame) { ExpectSent(Sender("none")); }

TEST_F(NetTest, SettingsAreTaken) {
  ExpectSent(Sender("none,mac=02:00:00:00:00:07,mtu=9000,tx-pps=1000000000,tx-bps=1T:1T"));
}

TEST_F(NetTest, WhatTheFilterDropsIsNotSent) {
  // What the guest sends is no IP.
  const CommandResult result = Sender("none,allow=none").Run();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.err, HasSubstr("mayfly: network device 0 (none): "));
  EXPECT_THAT(result.err, HasSubstr("dropped"));
}

TEST_F(NetTest, WithoutAnyThereIsNoDevice) {
  const CommandResult result = RunGuest("netbench").Run();
  EXPECT_NE(result.exit_code, 0);
}

TEST_F(NetTest, ATapByName) {
  if (!MayHaveTaps()) GTEST_SKIP() << "runs for root, where /dev/net/tun is";
  Command one = Sender("tap=mayfly0");
  one.Prepare(EnterEmptyNetwork);
  const CommandResult result = one.Run();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;

  Command several = Sender("tap=mayfly0,queues=4");
  several.Prepare(EnterEmptyNetwork);
  EXPECT_EQ(several.Run().exit_code, 0);
}

TEST_F(NetTest, ATapHandedIn) {
  if (!MayHaveTaps()) GTEST_SKIP() << "runs for root, where /dev/net/tun is";
  Command command = Sender("fd=" + std::to_string(kTapFd));
  command.Prepare(OpenTapFd);
  const CommandResult result = command.Run();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
}

// The user network: TearDown() sees that passt is gone, too.
TEST_F(NetTest, TheUsersOwn) {
  if (!HasPasst()) GTEST_SKIP() << kNeedsPasst;
  const CommandResult result = Sender("user,mac=02:00:00:00:00:07").Run();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("result tx-64 "));
}

TEST_F(NetTest, TheUsersOwnEndsWithACommandThatIsKilled) {
  if (!HasPasst()) GTEST_SKIP() << kNeedsPasst;
  Command command = RunGuest("echo", {"--net", "user"});
  command.Start();
  command.AwaitOutput("ready");
  command.Signal(SIGKILL);
  EXPECT_EQ(command.Wait().signal, SIGKILL);
}

TEST_F(NetTest, APortThatIsTakenEndsTheVm) {
  if (!HasPasst()) GTEST_SKIP() << kNeedsPasst;
  const TakenPort taken;
  ASSERT_NE(taken.number(), 0);
  const std::string forward = ",forward=" + std::to_string(taken.number()) + ":80";
  const CommandResult result = RunGuest("halt", {"--net", "user" + forward}).Run();
  EXPECT_EQ(result.exit_code, kFailure);
  EXPECT_THAT(result.err, HasSubstr("--net user"));
  EXPECT_THAT(result.err, HasSubstr(std::to_string(taken.number())));
}

TEST_F(NetTest, WithoutPasstThereIsNoUserNetwork) {
  Command command = RunGuest("hello", {"--net", "user"});
  command.Environment("MAYFLY_PASST=/nonexistent/passt");
  ExpectComplaint(std::move(command), {"--net", "/nonexistent/passt"});
}

TEST_F(NetTest, WhatIsWrongIsSaid) {
  ExpectComplaint(RunGuest("hello", {"--net", "wire"}), {"--net", "\"wire\"", "--help"});
  ExpectComplaint(RunGuest("hello", {"--net", "none,mtu=9"}), {"--net: mtu"});
  ExpectComplaint(RunGuest("hello", {"--net", "tap=a-name-that-is-too-long"}),
                  {"--net", "a-name-that-is-too-long"});
  ExpectComplaint(RunGuest("hello", {"--net", "fd=97"}), {"--net", "fd 97"});
  const std::string file = MakeFile("file", "no tap");
  Command no_tap = RunGuest("hello", {"--net", "fd=9"});
  no_tap.Prepare([file] {
    const int fd = ::open(file.c_str(), O_RDWR);
    if (::dup2(fd, kTapFd) != kTapFd) ::_exit(98);
  });
  ExpectComplaint(std::move(no_tap), {"network device \"fd 9\""});
}

TEST_F(NetTest, ATapThatIsNotOursIsExplained) {
  if (!MayHaveTaps()) GTEST_SKIP() << "runs for root, where /dev/net/tun is";
  Command command = RunGuest("hello", {"--net", "tap=lo"});
  command.Prepare(EnterEmptyNetwork);
  ExpectComplaint(std::move(command), {"--net", "lo", "no tap"});
}

TEST_F(NetTest, AsManyDevicesAsThereArePlaces) {
  std::vector<std::string> words = {"--cpus", "2"};
  for (int count = 0; count < 19; ++count) words.insert(words.end(), {"--net", "none"});
  EXPECT_EQ(RunGuest("hello", words).Run().exit_code, 0);
  words.insert(words.end(), {"--net", "none"});
  ExpectComplaint(RunGuest("hello", words), {"0 disks and 20 network devices", "at most 19"});
}

}  // namespace
}  // namespace mayfly::testing
