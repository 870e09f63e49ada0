#include "tests/bench/process_run.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "absl/cleanup/cleanup.h"
#include "base/pipe.h"
#include "base/status.h"

namespace mayfly::bench {
namespace {

constexpr int kSignalBase = 128;

absl::StatusOr<pid_t> Spawn(const std::vector<std::string>& argv, int output) {
  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  const auto destroy = absl::MakeCleanup([&] { posix_spawn_file_actions_destroy(&actions); });
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const std::string& word : argv) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int error =
      ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  if (error != 0) return ErrnoStatus("starting " + argv[0], error);
  return pid;
}

}  // namespace

absl::StatusOr<ProcessRun> RunProcess(const std::vector<std::string>& argv) {
  MAYFLY_ASSIGN_OR_RETURN(Pipe output, Pipe::Make());
  ProcessRun run;
  const Nanoseconds begin = MonotonicNow();
  MAYFLY_ASSIGN_OR_RETURN(const pid_t pid, Spawn(argv, output.writer.get()));
  output.writer.Reset();
  std::array<char, 4096> buffer{};
  while (::read(output.reader.get(), buffer.data(), buffer.size()) > 0) {
    if (!run.first_byte) run.first_byte = MonotonicNow() - begin;
  }
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) return ErrnoStatus("waiting for " + argv[0]);
  run.exit = MonotonicNow() - begin;
  run.status = WIFEXITED(status) ? WEXITSTATUS(status) : kSignalBase + WTERMSIG(status);
  return run;
}

}  // namespace mayfly::bench
