#include "images/init/command.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "images/init/console.h"

namespace mayfly::init {
namespace {

constexpr char kDefaultPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::uint8_t kKilledBySignal = 128;

// Makes the caller, in a process group of its own, what Ctrl-C and the like on the console reach.
void EnterForeground() {
  setpgid(0, 0);
  tcsetpgrp(STDIN_FILENO, getpid());
  std::signal(SIGTTOU, SIG_DFL);  // see TakeTerminal
}

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void Become(const Options& options) {
  EnterForeground();
  setenv("PATH", kDefaultPath, 0);
  for (const std::string& variable : options.environment) {
    const std::size_t equals = variable.find('=');
    setenv(variable.substr(0, equals).c_str(), variable.c_str() + equals + 1, 1);
  }
  const std::string& folder = options.working_directory;
  if (!folder.empty() && chdir(folder.c_str()) != 0) {
    SayError("mayfly.cwd: cannot enter " + folder);
    _exit(kSetUpFailed);
  }
  std::vector<std::string> command = options.command;
  if (command.empty()) command = {"/bin/sh"};
  execvp(command[0].c_str(), Pointers(command).data());
  const std::uint8_t status = errno == ENOENT ? kNotFound : kNotExecutable;
  SayError("cannot run " + command[0]);
  _exit(status);
}

}  // namespace

std::uint8_t RunCommand(const Options& options) {
  const pid_t command = fork();
  if (command == 0) Become(options);
  if (command < 0) {
    SayError("cannot fork");
    return kSetUpFailed;
  }
  for (;;) {
    int status = 0;
    const pid_t ended = waitpid(-1, &status, 0);
    if (ended < 0 && errno != EINTR) {
      SayError("cannot wait for the command");
      return kSetUpFailed;
    }
    if (ended != command) continue;
    return WIFSIGNALED(status) ? static_cast<std::uint8_t>(kKilledBySignal + WTERMSIG(status))
                               : static_cast<std::uint8_t>(WEXITSTATUS(status));
  }
}

void EndEverything() {
  if (kill(-1, SIGKILL) != 0) return;  // there is nobody
  while (waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
  }
}

}  // namespace mayfly::init
