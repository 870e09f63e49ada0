#include "jailer/spawn.h"
#include "base/pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::jailer {
namespace {

using ::testing::HasSubstr;

OwnedFd OpenProgram(const char* path) { return OwnedFd(::open(path, O_PATH | O_CLOEXEC)); }

std::string ReadAll(int fd) {
  std::string text;
  std::array<char, 512> chunk{};
  for (ssize_t got = 0; (got = ::read(fd, chunk.data(), chunk.size())) > 0;) {
    text.append(chunk.data(), static_cast<size_t>(got));
  }
  return text;
}

class SpawnTest : public ::testing::Test {
 protected:
  void SetUp() override {
    program_ = OpenProgram("jailer/spawn_probe");
    ASSERT_TRUE(program_.valid()) << "the test is run from the runfiles' root";
    pipe_ = Pipe::Make().value();
  }

  SpawnOptions Options(std::vector<std::string> arguments) {
    SpawnOptions options;
    options.program = program_.get();
    options.arguments = std::move(arguments);
    options.fds = {{.source = pipe_.writer.get(), .target = 1}};
    return options;
  }

  // All that the program said, once it has closed its end.
  std::string Output() {
    pipe_.writer.Reset();
    return ReadAll(pipe_.reader.get());
  }

  OwnedFd program_;
  Pipe pipe_;
};

TEST_F(SpawnTest, ProgramHoldsWhatItWasGivenAndNothingElse) {
  const Pipe extra = Pipe::Make().value();
  SpawnOptions options = Options({"probe"});
  options.fds.push_back({.source = extra.reader.get(), .target = 7});
  // Not close-on-exec, and without a grant: must not get through either.
  const OwnedFd leak(::dup2(extra.writer.get(), 90));
  const auto child = Spawn(options);
  ASSERT_TRUE(child.ok()) << child.status();
  const std::string said = Output();
  EXPECT_THAT(said, HasSubstr("fds=1,7,\n"));
  EXPECT_THAT(said, HasSubstr("environment=none\n"));
  EXPECT_THAT(said, HasSubstr("no_new_privs=1\n"));
  EXPECT_THAT(said, HasSubstr("group_leader=1\n"));
  EXPECT_THAT(said, HasSubstr("death_signal=9\n"));
  EXPECT_EQ(child->Wait()->exit_code, 0);
}

TEST_F(SpawnTest, ProgramHasNoPrivileges) {
  const auto child = Spawn(Options({"probe"}));
  ASSERT_TRUE(child.ok()) << child.status();
  const std::string said = Output();
  // Inheritable, permitted, effective; then the bounding set, which only root may empty.
  EXPECT_THAT(said, HasSubstr("capabilities=0,0,0,"));
  if (::geteuid() == 0) {
    EXPECT_THAT(said, HasSubstr("capabilities=0,0,0,0,0,\n"));
  }
  EXPECT_THAT(said, HasSubstr("core=0/0\n"));
  EXPECT_THAT(said, HasSubstr("umask=077\n"));
  EXPECT_EQ(child->Wait()->exit_code, 0);
}

TEST_F(SpawnTest, PrivilegesCanBeKept) {
  const mode_t before = ::umask(022);
  SpawnOptions options = Options({"probe"});
  options.privileges = Privileges::kKept;
  const auto child = Spawn(options);
  ::umask(before);
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_THAT(Output(), HasSubstr("umask=022\n"));
  EXPECT_EQ(child->Wait()->exit_code, 0);
}

TEST_F(SpawnTest, SourcesAndTargetsMayOverlapInAnyOrder) {
  // Three pipes whose sources are each other's targets, the program among them.
  std::array<Pipe, 3> pipes = {Pipe::Make().value(), Pipe::Make().value(), Pipe::Make().value()};
  const int a = pipes[0].writer.get();
  const int b = pipes[1].writer.get();
  SpawnOptions options = Options({"probe"});
  options.fds.push_back({.source = a, .target = b});
  options.fds.push_back({.source = b, .target = a});
  options.fds.push_back({.source = a, .target = program_.get()});
  const auto child = Spawn(options);
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_THAT(Output(), HasSubstr("argc=1\n"));
  EXPECT_EQ(child->Wait()->exit_code, 0);
}

TEST_F(SpawnTest, ParentDeathCanBeIgnored) {
  SpawnOptions options = Options({"probe"});
  options.parent_death = ParentDeath::kIgnored;
  const auto child = Spawn(options);
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_THAT(Output(), HasSubstr("death_signal=0\n"));
  EXPECT_TRUE(child->Wait().ok());
}

TEST_F(SpawnTest, TheCallersBlockedSignalsAreNotInherited) {
  sigset_t block;
  sigset_t before;
  ::sigemptyset(&block);
  ::sigaddset(&block, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &block, &before);
  const auto child = Spawn(Options({"probe"}));
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_THAT(Output(), HasSubstr("blocked=0\n"));
  EXPECT_TRUE(child->Wait().ok());
}

TEST_F(SpawnTest, TellsTheExitCode) {
  const auto child = Spawn(Options({"probe", "exit", "42"}));
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_EQ(child->Wait()->exit_code, 42);
}

TEST_F(SpawnTest, KillsAndTellsTheSignal) {
  const auto child = Spawn(Options({"probe", "hang"}));
  ASSERT_TRUE(child.ok()) << child.status();
  const auto running = child->TryWait();
  ASSERT_TRUE(running.ok()) << running.status();
  EXPECT_FALSE(running->has_value());
  child->Kill();
  pollfd ended{.fd = child->pidfd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ended, 1, -1), 1);
  const auto end = child->TryWait();
  ASSERT_TRUE(end.ok() && end->has_value());
  EXPECT_EQ((*end)->exit_code, std::nullopt);
  EXPECT_EQ((*end)->signal, SIGKILL);
}

TEST_F(SpawnTest, AFailedExecIsReportedAndLeavesNoProcess) {
  const OwnedFd not_a_program(::open("/proc/version", O_RDONLY | O_CLOEXEC));
  SpawnOptions options = Options({"probe"});
  options.program = not_a_program.get();
  const auto child = Spawn(options);
  ASSERT_FALSE(child.ok());
  EXPECT_THAT(std::string(child.status().message()), HasSubstr("executing the program"));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
}

TEST_F(SpawnTest, AClosedSourceIsReported) {
  SpawnOptions options = Options({"probe"});
  constexpr int kNotOpen = 512;
  options.fds.push_back({.source = kNotOpen, .target = 3});
  const auto child = Spawn(options);
  ASSERT_FALSE(child.ok());
  EXPECT_THAT(std::string(child.status().message()), HasSubstr("handing over"));
}

TEST_F(SpawnTest, TheStarterMayHaveMoreFilesOpenThanTheProgram) {
  constexpr int kMany = 1100;
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  std::vector<OwnedFd> files;
  while (files.empty() || files.back().get() < kMany) {
    files.push_back(OwnedFd::Duplicate(pipe_.writer.get()).value());
  }
  SpawnOptions options = Options({"spawn_probe"});
  // A number above those of the program and of the pipe, so that both have to be moved.
  options.fds.push_back({.source = pipe_.writer.get(), .target = 30});
  const auto child = Spawn(options);
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_EQ(child->Wait().value().exit_code, 0);
}

TEST_F(SpawnTest, NobodyKeepsPrivilegesInAJail) {
  const Jail jail = Jail::ForOne();
  SpawnOptions options = Options({"spawn_probe"});
  options.jail = &jail;
  options.privileges = Privileges::kKept;
  EXPECT_EQ(Spawn(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SpawnTest, RefusesBadOptions) {
  SpawnOptions none = Options({});
  EXPECT_EQ(Spawn(none).status().code(), absl::StatusCode::kInvalidArgument);
  SpawnOptions twice = Options({"probe"});
  twice.fds.push_back(twice.fds.front());
  EXPECT_EQ(Spawn(twice).status().code(), absl::StatusCode::kInvalidArgument);
  SpawnOptions closed = Options({"probe"});
  closed.fds.push_back({.source = -1, .target = 4});
  EXPECT_EQ(Spawn(closed).status().code(), absl::StatusCode::kInvalidArgument);
  SpawnOptions no_program = Options({"probe"});
  no_program.program = -1;
  EXPECT_EQ(Spawn(no_program).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace mayfly::jailer
