// The host service of this user's own, where nobody has named one.

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/cli/cli_test.h"

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kFailure = 125;
constexpr std::chrono::seconds kPatience{40};
constexpr std::chrono::milliseconds kStep{10};

class DefaultHostTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    ASSERT_TRUE(fs::create_directories(Path("run/mayfly")));
  }
  [[nodiscard]] std::string Socket() const { return Path("run/mayfly/mayflyd.sock"); }
  void Start() {
    daemon_.emplace(std::vector<std::string>{fs::current_path() / "mayflyd", "--socket", Socket()},
                    std::vector<std::string>{"HOME=" + Path("home")}, Path("work"));
    daemon_->Start();
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!fs::exists(Socket())) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "mayflyd does not listen";
      std::this_thread::sleep_for(kStep);
    }
  }
  // Has `command` find this test's own /run, or $XDG_RUNTIME_DIR, which is for who is not root.
  Command& AtHome(Command& command) const {
    command.Environment("XDG_RUNTIME_DIR=" + Path("run"));
    if (::geteuid() == 0) command.Prepare([this] { ShowRun(Path("run")); });
    return command;
  }
  [[nodiscard]] CommandResult RunAtHome(std::vector<std::string> words) const {
    Command command = Mayfly(std::move(words));
    return AtHome(command).Run();
  }
  void ExpectToRunAlone() const {
    const CommandResult result = RunAtHome({"run", "--kernel", GuestPath("hello")});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.out, "Hello from a Mayfly guest\n");
    EXPECT_THAT(result.err, IsEmpty());
  }

  std::optional<Command> daemon_;
};

TEST_F(DefaultHostTest, HasTheVmWhereItRuns) {
  Start();
  for (const bool is_alone : {false, true}) {
    Command vm = is_alone ? RunGuest("echo", {"--host", "none"}) : RunGuest("echo");
    AtHome(vm).Start();
    vm.AwaitOutput("ready");
    EXPECT_EQ(RunAtHome({"ps", "-q"}).out, is_alone ? "" : "#1\n");
    vm.Write("quit\n");
    EXPECT_EQ(vm.Wait().exit_code, 0);
  }
  daemon_->Signal(SIGTERM);
  EXPECT_EQ(daemon_->Wait().exit_code, 0);
}

TEST_F(DefaultHostTest, WithoutItTheVmIsTheCommandsOwn) {
  ExpectToRunAlone();
  const CommandResult listed = RunAtHome({"ps"});
  EXPECT_EQ(listed.exit_code, kFailure);
  EXPECT_THAT(listed.err, AllOf(HasSubstr("mayfly/mayflyd.sock"), HasSubstr("start it: mayflyd")));
}

TEST_F(DefaultHostTest, WhatADeadOneLeftIsNone) {
  Start();
  daemon_->Signal(SIGKILL);
  EXPECT_EQ(daemon_->Wait().signal, SIGKILL);
  ASSERT_TRUE(fs::exists(Socket()));
  ExpectToRunAlone();
  // Who asks for it is told.
  const CommandResult asked =
      Mayfly({"--host", Socket(), "run", "--kernel", GuestPath("hello")}).Run();
  EXPECT_EQ(asked.exit_code, kFailure);
  EXPECT_THAT(asked.err, HasSubstr(Socket()));
}

}  // namespace
}  // namespace mayfly::testing
