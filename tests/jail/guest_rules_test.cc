// VMs of vCPUs and a console, and their ends.

#include <fcntl.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "tests/jail/rules_used_test.h"

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;

using GuestRulesTest = RulesUsedTest;

TEST_F(GuestRulesTest, ConsoleBothWays) {
  Command command = RunGuest("echo", {"--cpus", "2"});
  Follow(command).Start();
  command.AwaitOutput("ready");
  // Some of them find the guest at rest, which the host then has to interrupt.
  for (int line = 0; line < 50; ++line) {
    const std::string number = std::to_string(line);
    command.Write("line " + number + "\n");
    command.AwaitOutput("LINE " + number + "\n");
  }
  command.Write("quit\n");
  EXPECT_EQ(command.Wait().exit_code, 0);
}

TEST_F(GuestRulesTest, MoreInputThanAGuestTakes) {
  const std::string input = MakeFile("input", std::string(size_t{1} << 17, 'x'));
  const OwnedFd file(::open(input.c_str(), O_RDONLY | O_CLOEXEC));
  Command command = RunGuest("halt", {"--timeout", "500ms"});
  command.Stdin(file.get());
  EXPECT_EQ(Follow(command).Run().exit_code, 124);
}

TEST_F(GuestRulesTest, MoreOutputThanAHostTakes) {
  Command command = RunGuest("flood", {"--timeout", "500ms"});
  EXPECT_EQ(Follow(command).Run().exit_code, 124);
}

// Each thread's first request for memory takes half a kilobyte for good: enough of them, and the
// heap has to grow on a vCPU's thread.
TEST_F(GuestRulesTest, AnyNumberOfCpus) {
  Expect0("activations", {"--cpus", "254", "--net", "none"});
}

TEST_F(GuestRulesTest, EndsByTheGuest) {
  Expect0("smp", {"--cpus", "4"});
  Expect0("reset", {});
  Expect0("power_off", {"--cpus", "2"});
  for (const char* guest : {"panic", "triple_fault", "internal_error"}) {
    Command command = RunGuest(guest);
    EXPECT_NE(Follow(command).Run().exit_code, 0) << guest;
  }
}

// Its threads are there, and end, before its kernel is looked at.
TEST_F(GuestRulesTest, AVmThatComesToNothing) {
  Command command =
      Mayfly({"run", "--kernel", MakeFile("kernel", std::string(size_t{1} << 16, 'x')), "--cpus",
              "2", "--disk", MakeSparseFile("disk", uint64_t{1} << 20)});
  EXPECT_EQ(Follow(command).Run().exit_code, 2);
}

TEST_F(GuestRulesTest, EndsByTheHost) {
  Command stopped = RunGuest("echo", {"--cpus", "2"});
  Follow(stopped).Start();
  stopped.AwaitOutput("ready");
  stopped.Signal(SIGTERM);
  EXPECT_EQ(stopped.Wait().exit_code, 128 + SIGTERM);

  Command killed = RunGuest("echo", {"--cpus", "2"});
  Follow(killed).Start();
  killed.AwaitOutput("ready");
  killed.Signal(SIGKILL);
  EXPECT_EQ(killed.Wait().signal, SIGKILL);

  Command late = RunGuest("spin", {"--cpus", "2", "--timeout", "200ms"});
  EXPECT_EQ(Follow(late).Run().exit_code, 124);
}

TEST_F(GuestRulesTest, Violations) {
  for (const std::string thread : {"api", "io", "vcpu"}) {
    Command command =
        RunGuest("hello", {"--disk", MakeSparseFile("disk-" + thread, uint64_t{1} << 20)});
    command.Environment("MAYFLY_VMM=" + (fs::current_path() / "tests/jail/hijacked_").string() +
                        thread + "_vmm");
    EXPECT_EQ(Follow(command).Run().exit_code, 159) << thread;
  }
}

TEST_F(GuestRulesTest, NoVdso) {
  Command command =
      RunGuest("block", {"--disk", MakeSparseFile("disk", uint64_t{1} << 20) + ",iops=20:1",
                         "--net", "none", "--timeout", "1m", "--", "write"});
  const CommandResult result = Follow(command, ClockSource::kSystemCalls).Run();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
}

}  // namespace
}  // namespace mayfly::testing
