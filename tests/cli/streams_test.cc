// `mayfly run` on standard streams of every kind and condition.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <string>

#include "base/owned_fd.h"
#include "base/pipe.h"
#include "base/socket_pair.h"
#include "tests/cli/cli_test.h"

namespace mayfly::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class StreamsTest : public CliTest {};

TEST_F(StreamsTest, PipedInputReachesTheGuest) {
  Command command = RunGuest("echo");
  command.Start();
  command.Write("hello\nquit\n");
  const CommandResult result = command.Wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "ready\nHELLO\n");
}

TEST_F(StreamsTest, InputMayBeAFile) {
  const OwnedFd file(::open(MakeFile("input", "one\ntwo\nquit\n").c_str(), O_RDONLY | O_CLOEXEC));
  Command command = RunGuest("echo");
  command.Stdin(file.get());
  const CommandResult result = command.Run();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "ready\nONE\nTWO\n");
}

TEST_F(StreamsTest, MoreInputThanTheGuestCanHoldWaitsForIt) {
  // The console's queue holds 64 KiB.
  std::string input;
  std::string expected = "ready\n";
  for (int line = 0; line < 1900; ++line) {
    input += "some line of input for the guest " + std::to_string(line) + "\n";
    expected += "SOME LINE OF INPUT FOR THE GUEST " + std::to_string(line) + "\n";
  }
  const OwnedFd file(::open(MakeFile("input", input + "quit\n").c_str(), O_RDONLY | O_CLOEXEC));
  Command command = RunGuest("echo");
  command.Stdin(file.get());
  const CommandResult result = command.Run();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out.size(), expected.size());
  EXPECT_TRUE(result.out == expected);  // not EXPECT_EQ: nobody wants to read them
}

TEST_F(StreamsTest, TheEndOfInputDoesNotEndTheVm) {
  const OwnedFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  Command command = RunGuest("halt", {"--timeout", "200ms"});
  command.Stdin(null.get());
  EXPECT_EQ(command.Run().exit_code, 124);
}

TEST_F(StreamsTest, InputMayBeClosed) {
  Command command = RunGuest("hello");
  command.Prepare([] { ::close(STDIN_FILENO); });
  const CommandResult result = command.Run();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "Hello from a Mayfly guest\n");
}

TEST_F(StreamsTest, AllMayBeClosed) {
  Command command = RunGuest("exit_status");
  command.Prepare([] {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(fd);
  });
  EXPECT_EQ(command.Run().exit_code, 42);
}

TEST_F(StreamsTest, AFullDiskEndsTheVmWithOneSentence) {
  // Every write to it fails with ENOSPC (full(4)).
  const OwnedFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  Command command = RunGuest("flood");
  command.Stdout(full.get());
  const CommandResult result = command.Run();
  EXPECT_EQ(result.exit_code, 125);
  EXPECT_THAT(result.err, HasSubstr("standard output: No space left on device"));
}

TEST_F(StreamsTest, ABrokenPipeEndsTheVmQuietly) {
  Command command = RunGuest("flood");
  command.Start();
  command.CloseStdout();
  const CommandResult result = command.Wait();
  EXPECT_EQ(result.exit_code, 141);
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(StreamsTest, AStalledReaderStallsNoSignal) {
  const Pipe pipe = Pipe::MakeNonBlocking().value();
  // No room is left in the pipe, and nobody reads it.
  const std::string page(4096, 'x');
  while (::write(pipe.writer.get(), page.data(), page.size()) > 0) {
  }
  ASSERT_GE(::fcntl(pipe.writer.get(), F_SETFL, 0), 0);
  Command command = RunGuest("flood", {"--timeout", "300ms"});
  command.Stdout(pipe.writer.get());
  command.Start();
  ::usleep(600'000);  // past the timeout: the VM has ended, its output waits
  command.Signal(SIGTERM);
  EXPECT_EQ(command.Wait().exit_code, 143);
}

TEST_F(StreamsTest, AStalledReaderStallsNoGuest) {
  Command command = RunGuest("flood", {"--timeout", "1500ms"});
  command.Start();
  ::usleep(2'000'000);  // nobody reads while the guest runs
  const CommandResult result = command.Wait();
  EXPECT_EQ(result.exit_code, 124);
  EXPECT_THAT(result.out, Not(IsEmpty()));
}

TEST_F(StreamsTest, OutputMayBeASocket) {
  SocketPair sockets = SocketPair::Make().value();
  Command command = RunGuest("hello");
  command.Stdout(sockets.theirs.get());
  EXPECT_EQ(command.Run().exit_code, 0);
  sockets.theirs.Reset();
  std::array<char, 256> said{};
  EXPECT_GT(::read(sockets.ours.get(), said.data(), said.size() - 1), 0);
  EXPECT_STREQ(said.data(), "Hello from a Mayfly guest\n");
}

TEST_F(StreamsTest, TheModeOfSharedStreamsStays) {
  const Pipe in = Pipe::Make().value();
  const Pipe out = Pipe::Make().value();
  Command command = RunGuest("hello");
  command.Stdin(in.reader.get()).Stdout(out.writer.get());
  EXPECT_EQ(command.Run().exit_code, 0);
  EXPECT_EQ(::fcntl(in.reader.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(::fcntl(out.writer.get(), F_GETFL) & O_NONBLOCK, 0);
}

}  // namespace
}  // namespace mayfly::testing
