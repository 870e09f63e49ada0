// What `mayflyd` opens and starts for its users, with the rights of each.

#include <arpa/inet.h>
#include <grp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "api/codec/exit_status_codec.h"
#include "api/testing/passt.h"
#include "tests/host/host_test.h"

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;
using api::testing::HasPasst;
using api::testing::kNeedsPasst;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr uid_t kAlice = 54321;
constexpr uint64_t kTimeout = 60'000'000'000;

// Tells of events of one kind.
class Listener final : public rpc::EventListener::Server {
 public:
  Listener(rpc::EventKind kind, std::vector<std::string>& texts) : kind_(kind), texts_(texts) {}

 protected:
  kj::Promise<void> event(EventContext context) override {
    const auto event = context.getParams().getEvent();
    if (event.getKind() == kind_) texts_.emplace_back(event.getText().cStr());
    return kj::READY_NOW;
  }

 private:
  const rpc::EventKind kind_;
  std::vector<std::string>& texts_;
};

class RightsTest : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) return;
    if (::geteuid() != 0 || ::seteuid(kAlice) != 0) {
      GTEST_SKIP() << "runs for root, who can become other users";
    }
    ASSERT_EQ(::seteuid(0), 0);
    ASSERT_EQ(::chmod(Path("").c_str(), 0755), 0);
    StartDaemon({"--config", MakeFile("config.json", R"({"socketMode": "0666"})")});
    (void)Connect();
  }

  kj::Own<api::HostConnection> ConnectAsAlice() {
    EXPECT_EQ(::setgroups(0, nullptr), 0);
    EXPECT_EQ(::setegid(kAlice), 0);
    EXPECT_EQ(::seteuid(kAlice), 0);
    auto connection = Connect();
    EXPECT_EQ(::seteuid(0), 0);
    EXPECT_EQ(::setegid(0), 0);
    return connection;
  }
  std::string CopyOf(const std::string& guest, mode_t mode) const {
    const std::string path = Path(guest);
    fs::copy_file(GuestPath(guest), path);
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }
  static auto LaunchByName(api::HostConnection& client, const std::string& kernel) {
    auto request = client.host().launchRequest();
    request.initSpec().initKernel().setName(kernel.c_str());
    request.getSpec().setTimeoutNanoseconds(kTimeout);
    request.setStart(true);
    return request;
  }
  vmm::ExitStatus EndOf(rpc::Machine::Client machine) {
    return api::DecodeExitStatus(machine.waitRequest().send().wait(io_.waitScope).getStatus());
  }
  // Programs of ours, the orphans that we have adopted among them.
  static std::vector<pid_t> Passts() {
    std::vector<pid_t> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string path = entry.path();
      std::ifstream words(path + "/cmdline");
      const std::string line((std::istreambuf_iterator<char>(words)), {});
      std::ifstream stat(path + "/stat");
      pid_t id = 0;
      std::string name;
      std::string state;
      pid_t parent = 0;
      stat >> id >> name >> state >> parent;
      if (line.starts_with("passt") && parent == ::getpid()) found.push_back(id);
    }
    return found;
  }
};

TEST_F(RightsTest, AUserLaunchesWhatItMayRead) {
  auto alice = ConnectAsAlice();
  EXPECT_EQ(ErrorOf(LaunchByName(*alice, CopyOf("halt", 0644)).send()), absl::OkStatus());
  const std::string secret = CopyOf("exit_status", 0600);
  const absl::Status refused = ErrorOf(LaunchByName(*alice, secret).send());
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(refused.ToString(), AllOf(HasSubstr("kernel: "), HasSubstr("Permission denied")));
  // Who is root may.
  auto root = Connect();
  EXPECT_EQ(ErrorOf(LaunchByName(*root, secret).send()), absl::OkStatus());
  alice = nullptr;
  root = nullptr;
  AwaitCount(*Connect(), 0);
  StopDaemon();
}

TEST_F(RightsTest, AConnectionBeyondAUsersIsClosedAndNobodyElses) {
  StopDaemon();
  StartDaemon(
      {"--config", MakeFile("config.json", R"({"socketMode": "0666", "connectionsEachUser": 2})")});
  (void)Connect();
  const auto outcome = [this](api::HostConnection& client) {
    return ErrorOf(client.host().listRequest().send());
  };
  auto first = ConnectAsAlice();
  auto second = ConnectAsAlice();
  EXPECT_EQ(outcome(*first), absl::OkStatus());
  EXPECT_EQ(outcome(*second), absl::OkStatus());
  auto beyond = ConnectAsAlice();
  EXPECT_TRUE(absl::IsUnavailable(outcome(*beyond)));
  EXPECT_EQ(outcome(*Connect()), absl::OkStatus());
  EXPECT_EQ(outcome(*first), absl::OkStatus());
  // With the end of one there is room for another.
  second = nullptr;
  EXPECT_TRUE(Await([&] { return outcome(*ConnectAsAlice()).ok(); }));
  first = nullptr;
  StopDaemon();
}

TEST_F(RightsTest, AUsersNetworkGivesAddresses) {
  if (!HasPasst()) GTEST_SKIP() << kNeedsPasst;
  const std::string kernel = CopyOf("dhcp", 0644);
  for (int who = 0; who < 2; ++who) {
    auto client = who == 0 ? Connect() : ConnectAsAlice();
    auto request = LaunchByName(*client, kernel);
    request.getSpec().initNets(1)[0].getBackend().initUser();
    const vmm::ExitStatus end = EndOf(request.send().getMachine());
    EXPECT_EQ(end.reason, vmm::ExitReason::kStatus) << end.detail;
    EXPECT_EQ(end.status, 0);
  }
  AwaitCount(*Connect(), 0);
  StopDaemon();
}

TEST_F(RightsTest, AUsersNetworkLivesAsLongAsItsVmWhateverBecomesOfTheService) {
  if (!HasPasst()) GTEST_SKIP() << kNeedsPasst;
  auto client = Connect();
  auto request = LaunchByName(*client, CopyOf("echo", 0644));
  request.getSpec().setTimeoutNanoseconds(0);
  request.getSpec().initNets(1)[0].getBackend().initUser();
  request.setName("web");
  request.setDetached(true);
  EXPECT_EQ(ErrorOf(request.send()), absl::OkStatus());
  client = nullptr;
  KillDaemon();
  // What has opened it may be dying yet, and be its parent.
  EXPECT_TRUE(Await([] { return !Passts().empty(); }));
  StartDaemon();
  client = Connect();
  auto machine = Get(*client, "web");
  EXPECT_THAT(Passts(), SizeIs(1));
  EXPECT_EQ(ErrorOf(machine.attachRequest().send()), absl::OkStatus());
  machine = nullptr;
  AwaitCount(*client, 0);
  StopDaemon();
  // TearDown() sees that passt is gone, too.
}

TEST_F(RightsTest, ANetworkThatStaysTakesNoShareOfTheHost) {
  if (!HasPasst()) GTEST_SKIP() << kNeedsPasst;
  auto client = Connect();
  auto request = LaunchByName(*client, CopyOf("echo", 0644));
  request.getSpec().initNets(1)[0].getBackend().initUser();
  auto machine = request.send().wait(io_.waitScope).getMachine();
  EXPECT_TRUE(Await([] { return !Passts().empty(); }));
  const std::vector<pid_t> passts = Passts();
  ASSERT_THAT(passts, SizeIs(1));
  ASSERT_EQ(::kill(passts.front(), SIGSTOP), 0);
  machine = nullptr;
  AwaitTaken(*client, 0);
  EXPECT_EQ(::kill(passts.front(), SIGKILL), 0);
  client = nullptr;
  StopDaemon();
}

TEST_F(RightsTest, ANetworkThatFailsIsToldOf) {
  if (!HasPasst()) GTEST_SKIP() << kNeedsPasst;
  const OwnedFd taken(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(taken.get(), any, size), 0);
  ASSERT_EQ(::listen(taken.get(), 1), 0);
  ASSERT_EQ(::getsockname(taken.get(), any, &size), 0);
  const uint16_t port = ntohs(address.sin6_port);

  auto client = Connect();
  std::vector<std::string> told;
  auto listen = client->host().eventsRequest();
  listen.setListener(kj::heap<Listener>(rpc::EventKind::LINK, told));
  (void)listen.send().wait(io_.waitScope);
  auto request = LaunchByName(*client, CopyOf("echo", 0644));
  request.getSpec().initNets(1)[0].getBackend().initUser().initForwards(1)[0].setHost(port);
  auto machine = request.send().getMachine();
  const auto is_told = [&] {
    for (const std::string& text : told) {
      if (text.find(std::to_string(port)) != std::string::npos) return true;
    }
    return false;
  };
  EXPECT_TRUE(Await(is_told)) << ::testing::PrintToString(told);
  client = nullptr;
  machine = nullptr;
  AwaitCount(*Connect(), 0);
  StopDaemon();
}

}  // namespace
}  // namespace mayfly::testing
