// mayfly-vmm --api: a VMM without `mayfly`.

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>

#include "base/owned_fd.h"
#include "base/unix_address.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jailer/sanitized.h"
#include "tests/cli/cli_test.h"

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// In the test's directory, by its short name: a socket's path has 107 bytes.
constexpr char kSocket[] = "vm.sock";

class StandAloneTest : public CliTest {
 protected:
  [[nodiscard]] Command Vmm(const std::string& socket = kSocket) const {
    return Command({fs::current_path() / "mayfly-vmm", "--api", socket}, {}, Path(""));
  }
  // Boots `kernel` in the VMM that listens.
  [[nodiscard]] Command BootKernel(const std::string& kernel) const {
    return Command({fs::current_path() / "docs/examples/boot_at", kSocket, kernel}, {}, Path(""));
  }
  [[nodiscard]] Command Boot(const std::string& guest) const {
    return BootKernel(GuestPath(guest));
  }
  [[nodiscard]] bool HasSocket() const { return fs::is_socket(Path(kSocket)); }
  // Until somebody listens: the name is there a little before.
  void AwaitSocket() {
    const OwnedFd directory(::open(Path("").c_str(), O_PATH | O_CLOEXEC));
    const auto address =
        UnixAddress::At("/proc/self/fd/" + std::to_string(directory.get()) + "/" + kSocket);
    ASSERT_TRUE(address.ok()) << address.status();
    ASSERT_TRUE(Await([&] { return address->Connect().ok(); }));
  }
};

TEST_F(StandAloneTest, ServesOneVmAndLeavesNothing) {
  Command vmm = Vmm();
  vmm.Start();
  AwaitSocket();
  struct stat status {};
  ASSERT_EQ(::stat(Path(kSocket).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  Command boot = Boot("exit_status");
  EXPECT_EQ(boot.Run().exit_code, 42);
  const CommandResult result = vmm.Wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_FALSE(fs::exists(Path(kSocket)));
}

TEST_F(StandAloneTest, WaitsForAClientThatHasAVm) {
  Command vmm = Vmm();
  vmm.Start();
  AwaitSocket();
  // What is no kernel makes no VM: another client may come.
  Command bad = BootKernel("/dev/null");
  EXPECT_NE(bad.Run().exit_code, 0);
  Command good = Boot("hello");
  EXPECT_EQ(good.Run().out, "Hello from a Mayfly guest\n");
  EXPECT_EQ(vmm.Wait().exit_code, 0);
}

TEST_F(StandAloneTest, ASignalEndsItWithItsVm) {
  Command vmm = Vmm();
  vmm.Start();
  AwaitSocket();
  Command boot = Boot("echo");
  boot.Start();
  boot.AwaitOutput("ready");
  vmm.Signal(SIGTERM);
  EXPECT_EQ(vmm.Wait().exit_code, 128 + SIGTERM);
  EXPECT_FALSE(fs::exists(Path(kSocket)));
  EXPECT_NE(boot.Wait().exit_code, 0);
}

// Nobody could remove the socket; who serves there next does.
TEST_F(StandAloneTest, OneThatIsKilledLeavesASocketThatTheNextOneTakes) {
  Command killed = Vmm();
  killed.Start();
  AwaitSocket();
  Command boot = Boot("echo");
  boot.Start();
  boot.AwaitOutput("ready");
  killed.Signal(SIGKILL);
  EXPECT_EQ(killed.Wait().signal, SIGKILL);
  EXPECT_NE(boot.Wait().exit_code, 0) << "its VM lives";
  EXPECT_TRUE(HasSocket());
  Command next = Vmm();
  next.Start();
  AwaitSocket();
  EXPECT_EQ(Boot("exit_status").Run().exit_code, 42);
  EXPECT_EQ(next.Wait().exit_code, 0);
  EXPECT_FALSE(fs::exists(Path(kSocket)));
}

TEST_F(StandAloneTest, ASocketThatCannotBeSaysWhy) {
  Command first = Vmm();
  first.Start();
  AwaitSocket();
  Command second = Vmm();
  const CommandResult taken = second.Run();
  EXPECT_EQ(taken.exit_code, 1);
  EXPECT_THAT(taken.err, HasSubstr("vm.sock already"));
  EXPECT_TRUE(HasSocket());
  first.Signal(SIGINT);
  EXPECT_EQ(first.Wait().exit_code, 128 + SIGINT);

  Command too_long = Vmm("/tmp/" + std::string(200, 'x'));
  const CommandResult refused = too_long.Run();
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("has 1 to 107 bytes"));

  Command no_socket = Vmm(MakeFile("file", "precious"));
  EXPECT_THAT(no_socket.Run().err, HasSubstr("is no socket"));
  EXPECT_EQ(fs::file_size(Path("file")), 8U);
}

// What `mayfly` and --api start in a jail, started by hand.
TEST_F(StandAloneTest, OutsideOfAJailNoVmIsServed) {
  if (jailer::kSanitized)
    GTEST_SKIP() << "a sanitizer's runtime is not jailed; runs in builds without one";
  constexpr int kSocketFd = 3;
  for (const std::string option : {"--socket-fd", "--listen-fd"}) {
    Command vmm({fs::current_path() / "mayfly-vmm", option, std::to_string(kSocketFd)}, {},
                Path(""));
    vmm.Prepare([] {
      std::array<int, 2> ends{};
      if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) ::_exit(98);
      ::dup2(ends[1], kSocketFd);
    });
    const CommandResult result = vmm.Run();
    EXPECT_EQ(result.exit_code, 1) << option;
    EXPECT_THAT(result.err, HasSubstr("this process is in no pid namespace of its own"));
    EXPECT_THAT(result.err, HasSubstr("use mayfly run, mayflyd or mayfly-vmm --api SOCKET"));
  }
}

}  // namespace
}  // namespace mayfly::testing
