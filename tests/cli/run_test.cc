// How `mayfly run` ends, for each way in which a VM does.

#include <signal.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/cli/cli_test.h"

namespace mayfly::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class RunTest : public CliTest {};

TEST_F(RunTest, ShowsTheConsole) {
  const CommandResult result = RunGuest("hello").Run();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "Hello from a Mayfly guest\n");
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(RunTest, EndsWithTheGuestsStatus) {
  EXPECT_EQ(RunGuest("exit_status").Run().exit_code, 42);
  EXPECT_EQ(RunGuest("exit_status", {"--cmdline", "status=0"}).Run().exit_code, 0);
  EXPECT_EQ(RunGuest("exit_status", {"--cmdline", "status=255"}).Run().exit_code, 255);
}

TEST_F(RunTest, WordsBehindTheDashesReachTheGuest) {
  EXPECT_EQ(RunGuest("exit_status", {"--", "status=9"}).Run().exit_code, 9);
}

TEST_F(RunTest, SpecificationInAFileSaysTheSameAsOptions) {
  const std::string kernel = GuestPath("exit_status");
  const std::string json = MakeFile(
      "vm.json", R"({"kernel": {"name": ")" + kernel + R"("}, "commandLine": "status=5"})");
  const std::string text =
      MakeFile("vm.capnp", "(kernel = (name = \"" + kernel + "\"), commandLine = \"status=6\")");
  EXPECT_EQ(Mayfly({"run", "-f", json}).Run().exit_code, 5);
  EXPECT_EQ(Mayfly({"run", "--file", text}).Run().exit_code, 6);
  EXPECT_EQ(Mayfly({"run", "--cmdline", "status=7", "-f", json}).Run().exit_code, 7);
  EXPECT_EQ(Mayfly({"run", "-f", json, "--kernel", GuestPath("halt"), "--timeout", "200ms"})
                .Run()
                .exit_code,
            124);
}

TEST_F(RunTest, PowerOffAndResetAreGoodEnds) {
  for (const char* guest : {"power_off", "reset"}) {
    const CommandResult result = RunGuest(guest).Run();
    EXPECT_EQ(result.exit_code, 0) << guest;
    EXPECT_THAT(result.err, IsEmpty()) << guest;
  }
}

TEST_F(RunTest, GuestPanic) {
  const CommandResult result = RunGuest("panic").Run();
  EXPECT_EQ(result.exit_code, 134);
  EXPECT_THAT(result.err, HasSubstr("panicked"));
}

TEST_F(RunTest, TripleFault) {
  const CommandResult result = RunGuest("triple_fault").Run();
  EXPECT_EQ(result.exit_code, 139);
  EXPECT_THAT(result.err, HasSubstr("triple fault"));
}

TEST_F(RunTest, InternalErrorComesWithTheRegisters) {
  const CommandResult result = RunGuest("internal_error").Run();
  EXPECT_EQ(result.exit_code, 125);
  EXPECT_THAT(result.err, HasSubstr("rip "));
}

TEST_F(RunTest, TimeoutEndsWhatDoesNotEnd) {
  for (const char* guest : {"spin", "halt"}) {
    const CommandResult result = RunGuest(guest, {"--timeout", "100ms"}).Run();
    EXPECT_EQ(result.exit_code, 124) << guest;
    EXPECT_THAT(result.err, HasSubstr("100 ms")) << guest;
  }
}

TEST_F(RunTest, SeveralCpusAndMoreMemoryThanBelowTheHole) {
  EXPECT_EQ(RunGuest("smp", {"--cpus", "4"}).Run().exit_code, 0);
  EXPECT_EQ(RunGuest("memory_edges", {"--memory", "5G"}).Run().exit_code, 0);
  EXPECT_EQ(RunGuest("memory_edges", {"--memory", "8M"}).Run().exit_code, 0);
  EXPECT_EQ(RunGuest("memory_edges", {"--memory", "64M,pages=transparent"}).Run().exit_code, 0);
}

TEST_F(RunTest, SignalsEndTheVm) {
  const std::vector<std::pair<int, int>> expected = {
      {SIGINT, 130}, {SIGTERM, 143}, {SIGHUP, 129}, {SIGQUIT, 131}};
  for (const auto& [signal, code] : expected) {
    Command command = RunGuest("echo");
    command.Start();
    command.AwaitOutput("ready");
    command.Signal(signal);
    const CommandResult result = command.Wait();
    EXPECT_EQ(result.exit_code, code);
    EXPECT_THAT(result.err, IsEmpty());
  }
}

TEST_F(RunTest, IgnoredSignalsStayIgnored) {
  Command command = RunGuest("echo");
  command.Prepare([] { ::signal(SIGHUP, SIG_IGN); });
  command.Start();
  command.AwaitOutput("ready");
  command.Signal(SIGHUP);
  command.Write("alive\n");
  command.AwaitOutput("ALIVE");
  command.Signal(SIGTERM);
  EXPECT_EQ(command.Wait().exit_code, 143);
}

TEST_F(RunTest, KilledItselfItTakesTheVmWithIt) {
  Command command = RunGuest("spin");
  command.Start();
  command.Signal(SIGKILL);
  EXPECT_EQ(command.Wait().signal, SIGKILL);
  // TearDown() sees whether the VMM is gone.
}

TEST_F(RunTest, AVmmThatDiesIsReported) {
  Command command = RunGuest("echo");
  command.Start();
  command.AwaitOutput("ready");
  // The only child of the command.
  std::ifstream children("/proc/" + std::to_string(command.pid()) + "/task/" +
                         std::to_string(command.pid()) + "/children");
  pid_t vmm = 0;
  ASSERT_TRUE(children >> vmm);
  ::kill(vmm, SIGKILL);
  const CommandResult result = command.Wait();
  EXPECT_EQ(result.exit_code, 125);
  EXPECT_THAT(result.err, HasSubstr("was killed by signal 9"));
  EXPECT_THAT(result.err, Not(HasSubstr("exception")));
}

TEST_F(RunTest, TimelineIsATable) {
  const CommandResult result = RunGuest("hello", {"--timeline"}).Run();
  EXPECT_EQ(result.exit_code, 0);
  for (const char* step : {"requested", "spawned", "vmm entered", "spec received", "vm created",
                           "first run", "first console byte", "exited"}) {
    EXPECT_THAT(result.err, HasSubstr(step));
  }
}

TEST_F(RunTest, TimelineIsDrawn) {
  const std::string drawing = Path("timeline.svg");
  const CommandResult result = RunGuest("hello", {"--timeline=" + drawing}).Run();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, IsEmpty());
  std::ifstream file(drawing);
  std::ostringstream text;
  text << file.rdbuf();
  const std::string svg = text.str();
  EXPECT_THAT(svg, HasSubstr(">first run</text>"));
}

TEST_F(RunTest, ADrawingThatCannotBeWrittenIsToldInTheEnd) {
  const CommandResult result = RunGuest("hello", {"--timeline=/dev/full"}).Run();
  EXPECT_EQ(result.exit_code, 125);
  EXPECT_THAT(result.out, HasSubstr("Hello"));
  EXPECT_THAT(result.err, HasSubstr("--timeline: /dev/full: "));
}

TEST_F(RunTest, TheVmmIsChosenByTheEnvironment) {
  Command command = RunGuest("hello");
  command.Environment("MAYFLY_VMM=/nonexistent/mayfly-vmm");
  const CommandResult result = command.Run();
  EXPECT_EQ(result.exit_code, 125);
  EXPECT_THAT(result.err, HasSubstr("/nonexistent/mayfly-vmm"));
}

TEST_F(RunTest, ACacheThatCannotBeKeptIsNotNeeded) {
  Command command = RunGuest("hello");
  command.Environment("XDG_RUNTIME_DIR=/nonexistent");
  EXPECT_EQ(command.Run().exit_code, 0);
}

}  // namespace
}  // namespace mayfly::testing
