// `mayfly run` on a terminal.

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <string>

#include "base/owned_fd.h"
#include "tests/cli/cli_test.h"

namespace mayfly::testing {
namespace {

using ::testing::HasSubstr;

class TerminalTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    keyboard_ = OwnedFd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(keyboard_.valid());
    ASSERT_EQ(::grantpt(keyboard_.get()), 0);
    ASSERT_EQ(::unlockpt(keyboard_.get()), 0);
    terminal_ = OwnedFd(::open(::ptsname(keyboard_.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(terminal_.valid());
    ASSERT_EQ(::tcgetattr(terminal_.get(), &before_), 0);
  }

  // The terminal becomes the command's standard input; output stays a pipe.
  void StartOnTerminal(Command& command) { command.Stdin(terminal_.get()).Start(); }

  // And its controlling terminal, as in a window of its own.
  void StartInWindow(Command& command) {
    command.Prepare([] {
      ::setsid();
      ::ioctl(STDIN_FILENO, TIOCSCTTY, 0);
    });
    StartOnTerminal(command);
  }

  void Type(const std::string& keys) {
    EXPECT_EQ(::write(keyboard_.get(), keys.data(), keys.size()),
              static_cast<ssize_t>(keys.size()));
  }

  [[nodiscard]] termios Mode() const {
    termios mode{};
    EXPECT_EQ(::tcgetattr(terminal_.get(), &mode), 0);
    return mode;
  }

  void ExpectRestored() const {
    const termios now = Mode();
    EXPECT_EQ(now.c_lflag, before_.c_lflag);
    EXPECT_EQ(now.c_iflag, before_.c_iflag);
    EXPECT_EQ(now.c_oflag, before_.c_oflag);
    EXPECT_EQ(now.c_cflag, before_.c_cflag);
  }

  OwnedFd keyboard_;
  OwnedFd terminal_;
  termios before_{};
};

TEST_F(TerminalTest, KeysReachTheGuestRawAndTheModeComesBack) {
  Command command = RunGuest("echo");
  StartOnTerminal(command);
  command.AwaitOutput("ready");
  EXPECT_EQ(Mode().c_lflag & static_cast<tcflag_t>(ISIG | ICANON | ECHO), 0U);
  Type("key\n");
  command.AwaitOutput("KEY");
  Type("quit\n");
  EXPECT_EQ(command.Wait().exit_code, 0);
  ExpectRestored();
}

TEST_F(TerminalTest, InterruptIsAKeyForTheGuest) {
  Command command = RunGuest("echo");
  StartInWindow(command);
  command.AwaitOutput("ready");
  Type("a\x03z\n");
  command.AwaitOutput("A\x03Z");
  Type("quit\n");
  EXPECT_EQ(command.Wait().exit_code, 0);
}

TEST_F(TerminalTest, TheEscapeEndsTheVm) {
  Command command = RunGuest("echo");
  StartOnTerminal(command);
  command.AwaitOutput("ready");
  Type("\x1dq");
  EXPECT_EQ(command.Wait().exit_code, 130);
  ExpectRestored();
}

TEST_F(TerminalTest, ASignalRestoresTheMode) {
  Command command = RunGuest("spin");
  StartOnTerminal(command);
  while ((Mode().c_lflag & static_cast<tcflag_t>(ICANON)) != 0) ::usleep(1000);
  command.Signal(SIGTERM);
  EXPECT_EQ(command.Wait().exit_code, 143);
  ExpectRestored();
}

TEST_F(TerminalTest, AnErrorRestoresTheMode) {
  Command command = RunGuest("internal_error");
  StartOnTerminal(command);
  EXPECT_EQ(command.Wait().exit_code, 125);
  ExpectRestored();
}

TEST_F(TerminalTest, AClosedTerminalEndsTheVm) {
  Command command = RunGuest("echo");
  StartInWindow(command);
  command.AwaitOutput("ready");
  terminal_.Reset();
  keyboard_.Reset();  // the window is gone: SIGHUP for the session's leader
  EXPECT_EQ(command.Wait().exit_code, 129);
}

TEST_F(TerminalTest, OutputOnTheTerminalKeepsItsLines) {
  Command command = RunGuest("hello");
  command.Stdout(terminal_.get());
  StartOnTerminal(command);
  EXPECT_EQ(command.Wait().exit_code, 0);
  std::string screen(256, '\0');
  const ssize_t shown = ::read(keyboard_.get(), screen.data(), screen.size());
  ASSERT_GT(shown, 0);
  screen.resize(static_cast<size_t>(shown));
  EXPECT_THAT(screen, HasSubstr("Hello from a Mayfly guest\r\n"));
}

}  // namespace
}  // namespace mayfly::testing
