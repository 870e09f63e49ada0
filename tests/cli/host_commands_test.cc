// The commands that ask a host service, with a real one.

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "base/owned_fd.h"
#include "tests/cli/host_cli_test.h"

namespace mayfly::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

using HostCommandsTest = HostCliTest;

TEST_F(HostCommandsTest, RunIsTheSameAsWithout) {
  const CommandResult result = Host({"run", "--kernel", GuestPath("hello")}).Run();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "Hello from a Mayfly guest\n");
  // Root in a container, or in Bazel's sandbox, is told of that.
  EXPECT_THAT(result.err, AnyOf(IsEmpty(), HasSubstr("no VM has a user of its own")));
  EXPECT_EQ(
      Host({"run", "--kernel", GuestPath("exit_status"), "--cmdline", "status=9"}).Run().exit_code,
      9);
  EXPECT_EQ(Host({"run", "--kernel", GuestPath("triple_fault")}).Run().exit_code, 139);
  EXPECT_EQ(Host({"run", "--kernel", GuestPath("spin"), "--timeout", "200ms"}).Run().exit_code,
            124);
  EXPECT_THAT(Host({"events", "-n", "1"}).Run().out, HasSubstr("launched"));
  // Without the service, which then knows nothing of it.
  EXPECT_EQ(Host({"run", "--host", "none", "--kernel", GuestPath("hello")}).Run().exit_code, 0);
  EXPECT_EQ(Host({"--host=none", "run", "--kernel", GuestPath("hello")}).Run().exit_code, 0);
}

TEST_F(HostCommandsTest, OthersSeeAVmAndEndIt) {
  const std::string disk = MakeSparseFile("disk", 65536);
  Command vm = Mayfly({"run", "--kernel", GuestPath("echo"), "--name", "web", "--label",
                       "team=blue", "--disk", disk + ",serial=x"});
  StartEcho(vm);
  EXPECT_THAT(Host({"ps"}).Run().out,
              AllOf(StartsWith("NAME"), HasSubstr("web"), HasSubstr("running"),
                    HasSubstr("team=blue"), HasSubstr("128 MiB"), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(Host({"ps", "-q"}).Run().out, "web\n");
  EXPECT_EQ(Host({"ps", "-q", "--label", "team=red"}).Run().out, "");
  EXPECT_THAT(Host({"ps", "-o", "json"}).Run().out,
              AllOf(HasSubstr("\"name\":\"web\""), HasSubstr("\"state\":\"running\"")));
  EXPECT_THAT(Host({"stats", "web"}).Run().out,
              AllOf(HasSubstr("state     running"), HasSubstr("DISK")));
  EXPECT_THAT(Host({"stats", "web", "-o", "json"}).Run().out,
              AllOf(HasSubstr("\"capacity\": \"65536\""), HasSubstr("\"residentBytes\": "),
                    Not(HasSubstr("\"residentBytes\": \"0\""))));
  EXPECT_THAT(Host({"inspect", "web"}).Run().out,
              AllOf(HasSubstr("\"name\": \"web\""), HasSubstr("\"serial\": \"x\"")));
  EXPECT_THAT(Host({"top", "--every", "100ms"}).Run().out,
              AllOf(HasSubstr("1 VMs with 1 CPUs"), HasSubstr("web")));
  EXPECT_THAT(Host({"complete", "--", "kill", ""}).Run().out, StartsWith("word\tweb\t"));
  EXPECT_THAT(Mayfly({"complete", "--", "--host", Socket(), "kill", ""}).Run().out,
              HasSubstr("\tweb\t"));
  EXPECT_EQ(Host({"kill", "web"}).Run().exit_code, 0);
  EXPECT_EQ(vm.Wait().exit_code, 143);
  EXPECT_THAT(Host({"events", "-n", "2"}).Run().out,
              AllOf(HasSubstr("launched  web"), HasSubstr("exited  web")));
}

TEST_F(HostCommandsTest, UpdateChangesLimitsAndSizes) {
  const std::string disk = MakeSparseFile("disk", 65536);
  Command vm = Mayfly(
      {"run", "--kernel", GuestPath("echo"), "--name", "web", "--net", "none", "--disk", disk});
  StartEcho(vm);
  EXPECT_EQ(Host({"update", "web", "--disk", "0,iops=100:200,bps=1M", "--net", "0,tx-bps=1M"})
                .Run()
                .exit_code,
            0);
  std::filesystem::resize_file(disk, 131072);
  EXPECT_THAT(Host({"update", "web", "--resize", "0"}).Run().out, HasSubstr("128 KiB"));
  ExpectComplaint({"update", "web", "--disk", "7,iops=1"}, kFailure, {"--disk", "7"});
  ExpectComplaint({"update", "web", "--disk", "0,wings=1"}, kUsage, {"wings", "iops="});
  ExpectComplaint({"update", "web", "--net", "x"}, kUsage, {"--net", "\"x\""});
  ExpectComplaint({"update", "web"}, kUsage, {"what is to change"});
  vm.Write("quit\n");
  EXPECT_EQ(vm.Wait().exit_code, 0);
}

TEST_F(HostCommandsTest, PausedVmsWaitUntilTheyAreResumed) {
  Command vm = Mayfly({"run", "--kernel", GuestPath("echo"), "--name", "web"});
  StartEcho(vm);
  for (int twice = 0; twice < 2; ++twice) EXPECT_EQ(Host({"pause", "web"}).Run().exit_code, 0);
  EXPECT_THAT(Host({"stats", "web"}).Run().out, HasSubstr("state     paused"));
  EXPECT_EQ(Host({"resume", "web"}).Run().exit_code, 0);
  EXPECT_THAT(Host({"stats", "web"}).Run().out, HasSubstr("state     running"));
  vm.Write("hello\nquit\n");
  EXPECT_EQ(vm.Wait().exit_code, 0);
}

TEST_F(HostCommandsTest, StopPressesTheButtonAndWaits) {
  Command vm = Mayfly({"run", "--kernel", GuestPath("power_button"), "--name", "web"});
  StartEcho(vm);
  const CommandResult stopped = Host({"stop", "web"}).Run();
  EXPECT_EQ(stopped.exit_code, 0) << stopped.err;
  EXPECT_THAT(stopped.err, IsEmpty());
  EXPECT_EQ(vm.Wait().exit_code, 7);

  EXPECT_EQ(
      Host({"run", "-d", "--name", "kept", "--kernel", GuestPath("power_button")}).Run().exit_code,
      0);
  // What it says before it listens is written later than the VM runs.
  Command console = Host({"console", "kept"});
  console.Start();
  console.AwaitOutput("ready");
  for (int twice = 0; twice < 2; ++twice) {
    EXPECT_EQ(Host({"stop", "kept", "--within", "1h"}).Run().exit_code, 0);
  }
  EXPECT_EQ(console.Wait().exit_code, 7);
  EXPECT_EQ(Host({"wait", "kept"}).Run().exit_code, 7);
  EXPECT_EQ(Host({"rm", "kept"}).Run().exit_code, 0);
}

TEST_F(HostCommandsTest, WhatDoesNotStopInTimeIsKilled) {
  Command vm = Mayfly({"run", "--kernel", GuestPath("echo"), "--name", "web"});
  StartEcho(vm);
  const CommandResult stopped = Host({"stop", "--within", "10ms", "web", "nobody"}).Run();
  EXPECT_EQ(stopped.exit_code, kFailure);
  EXPECT_THAT(stopped.err,
              AllOf(HasSubstr("mayfly: web: "), HasSubstr("is killed"), HasSubstr("\"nobody\"")));
  EXPECT_EQ(vm.Wait().exit_code, 143);
  ExpectComplaint({"stop", "web", "--within", "soon"}, kUsage, {"--within"});
}

TEST_F(HostCommandsTest, OneThatEndedWhileAnotherHadItsTimeIsNotKilled) {
  Command stays = Mayfly({"run", "--kernel", GuestPath("echo"), "--name", "stays"});
  StartEcho(stays);
  Command goes = Mayfly({"run", "--kernel", GuestPath("power_button"), "--name", "goes"});
  StartEcho(goes);
  const CommandResult stopped = Host({"stop", "--within", "2s", "stays", "goes"}).Run();
  EXPECT_EQ(goes.Wait().exit_code, 7);
  EXPECT_EQ(stays.Wait().exit_code, 143);
  EXPECT_EQ(stopped.exit_code, 0);
  EXPECT_THAT(stopped.err, AllOf(HasSubstr("stays: "), Not(HasSubstr("goes"))));
}

TEST_F(HostCommandsTest, AVmWithoutANameHasItsNumber) {
  Command vm = Mayfly({"run", "--kernel", GuestPath("echo")});
  StartEcho(vm);
  const std::string shown = Host({"ps", "-q"}).Run().out;
  ASSERT_THAT(shown, StartsWith("#"));
  const std::string number = shown.substr(1, shown.size() - 2);
  EXPECT_THAT(Host({"inspect", number}).Run().out, HasSubstr("\"id\": \"" + number + "\""));
  EXPECT_THAT(Host({"complete", "--", "kill", ""}).Run().out, StartsWith("word\t" + number + "\t"));
  EXPECT_THAT(Host({"events", "-n", "1", number}).Run().out, HasSubstr("launched  #" + number));
  EXPECT_EQ(Host({"kill", "#" + number}).Run().exit_code, 0);
  EXPECT_EQ(vm.Wait().exit_code, 143);
  ExpectComplaint({"kill", "12345"}, kFailure, {"\"12345\""});
}

TEST_F(HostCommandsTest, TopIsDrawnAgainAndAgainOnATerminal) {
  const OwnedFd screen(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(screen.valid());
  ASSERT_EQ(::grantpt(screen.get()), 0);
  ASSERT_EQ(::unlockpt(screen.get()), 0);
  const OwnedFd terminal(::open(::ptsname(screen.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal.valid());
  Command vm = Mayfly({"run", "--kernel", GuestPath("echo"), "--name", "web"});
  StartEcho(vm);
  Command top = Host({"top", "--every", "100ms"});
  top.Stdout(terminal.get()).Start();
  std::string drawn;
  const auto count = [&](const std::string& what) {
    size_t found = 0;
    for (size_t at = drawn.find(what); at != std::string::npos; at = drawn.find(what, at + 1)) {
      ++found;
    }
    return found;
  };
  // Each drawing begins at the top of a cleared screen, and only an interrupt ends them.
  while (count("\x1b[H\x1b[J") < 3) {
    std::array<char, 4096> part{};
    const ssize_t length = ::read(screen.get(), part.data(), part.size());
    ASSERT_GT(length, 0);
    drawn.append(part.data(), static_cast<size_t>(length));
  }
  EXPECT_GE(count("1 VMs with 1 CPUs"), 2U);
  EXPECT_GE(count("web"), 2U);
  EXPECT_GE(count("\x1b[32mrunning"), 2U);
  top.Signal(SIGINT);
  EXPECT_EQ(top.Wait().signal, SIGINT);
  vm.Write("quit\n");
  EXPECT_EQ(vm.Wait().exit_code, 0);
}

TEST_F(HostCommandsTest, ConsoleIsTakenOverAndLeft) {
  Command vm = Mayfly({"run", "--kernel", GuestPath("echo"), "--name", "web"});
  StartEcho(vm);
  Command leaving = Host({"console", "web"});
  leaving.Start();
  leaving.Write("one\n");
  leaving.AwaitOutput("ONE");
  leaving.Signal(SIGTERM);
  EXPECT_EQ(leaving.Wait().exit_code, 143);
  EXPECT_EQ(Host({"ps", "-q"}).Run().out, "web\n");
  Command console = Host({"console", "web"});
  console.Start();
  console.Write("hello\n");
  console.AwaitOutput("HELLO");
  console.Write("quit\n");
  EXPECT_EQ(console.Wait().exit_code, 0);
  EXPECT_EQ(vm.Wait().exit_code, 0);
}

TEST_F(HostCommandsTest, DetachedVmsAreKeptUntilTheyAreRemoved) {
  EXPECT_EQ(Host({"run", "-d", "--name", "web", "--kernel", GuestPath("echo")}).Run().out, "web\n");
  Command console = Host({"console", "web"});
  console.Start();
  console.AwaitOutput("ready");
  console.Write("quit\n");
  EXPECT_EQ(console.Wait().exit_code, 0);
  EXPECT_EQ(Host({"wait", "web"}).Run().exit_code, 0);
  EXPECT_EQ(Host({"ps", "-q"}).Run().out, "");
  EXPECT_EQ(Host({"ps", "-aq"}).Run().out, "web\n");
  EXPECT_EQ(Host({"rm", "web"}).Run().exit_code, 0);

  std::string name = Host({"run", "--detach", "--kernel", GuestPath("spin")}).Run().out;
  EXPECT_THAT(name, StartsWith("vm-"));
  name.pop_back();
  EXPECT_THAT(Host({"inspect", name}).Run().out, HasSubstr("\"detached\": true"));
  EXPECT_EQ(Host({"kill", name}).Run().exit_code, 0);
  EXPECT_EQ(Host({"wait", name}).Run().exit_code, 143);
  const CommandResult removed = Host({"rm", name}).Run();
  EXPECT_EQ(removed.exit_code, 0) << removed.err;
  EXPECT_TRUE(Await([this] {
    return Host({"ps", "-aq"}).Run().out == "";
  })) << Host({"ps", "-aq"}).Run().out;
}

TEST_F(HostCommandsTest, ALostServiceIsSaidWithItsSocket) {
  Command top = Host({"top", "--every", "100ms", "-n", "1000000"});
  top.Start();
  top.AwaitOutput("VMs with");
  Command events = Host({"events"});
  events.Start();
  EXPECT_EQ(Host({"run", "--kernel", GuestPath("hello")}).Run().exit_code, 0);
  events.AwaitOutput("launched");
  daemon_->Signal(SIGTERM);
  for (Command* const command : {&top, &events}) {
    const CommandResult result = command->Wait();
    EXPECT_EQ(result.exit_code, kFailure);
    EXPECT_THAT(result.err, AllOf(HasSubstr("the host service at " + Socket() + " was lost"),
                                  HasSubstr("whether mayflyd runs")));
  }
}

TEST_F(HostCommandsTest, MistakesAreSaid) {
  for (const char* command :
       {"console", "wait", "pause", "resume", "stop", "kill", "rm", "stats", "inspect"}) {
    ExpectComplaint({command, "nobody"}, kFailure, {"\"nobody\""});
    ExpectComplaint({command}, kUsage, {"NAME", std::string("mayfly ") + command + " --help"});
  }
  const std::vector<std::string> detached = {"run", "-d", "--kernel", GuestPath("hello")};
  const auto with = [&](const std::string& option, const std::string& value) {
    std::vector<std::string> words = detached;
    words.insert(words.end(), {option, value});
    return words;
  };
  ExpectComplaint(with("--host", "none"), kUsage, {"--host", "MAYFLY_HOST"});
  ExpectComplaint(with("--disk", "/nonexistent/disk"), kUsage, {"/nonexistent/disk"});
  ExpectComplaint({"ps", "--label", "team"}, kUsage, {"--label", "NAME=VALUE"});
  ExpectComplaint({"ps", "extra"}, kUsage, {"\"extra\""});
  ExpectComplaint({"ps", "-o", "xml"}, kUsage, {"\"xml\""});
  ExpectComplaint({"ps", "-q", "-o", "json"}, kUsage, {"--quiet", "--output"});
  ExpectComplaint({"inspect", "-o", "text", "web"}, kUsage, {"--output", "JSON"});
  ExpectComplaint({"top", "--every", "1ms"}, kUsage, {"100ms"});
  ExpectComplaint({"events", "--since", "x"}, kUsage, {"--since"});
  ExpectComplaint({"--host", "/nonexistent/socket", "ps"}, kFailure,
                  {"/nonexistent/socket", "start it: mayflyd"});
  ExpectComplaint({"--host", "none", "ps"}, kUsage, {"--host", "MAYFLY_HOST"});
  ExpectComplaint({"run", "--kernel", GuestPath("hello"), "--name", "-bad-"}, kUsage, {"name"});
  ExpectComplaint({"run", "--kernel", GuestPath("hello"), "--cgroup-parent", "/x"}, kUsage,
                  {"--cgroup-parent", "--host none"});
  const std::string odd = MakeSparseFile("odd", 1000);
  ExpectComplaint({"run", "--kernel", GuestPath("hello"), "--disk", odd}, kUsage, {odd, "512"});
}

}  // namespace
}  // namespace mayfly::testing
