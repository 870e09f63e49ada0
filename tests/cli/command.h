#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/owned_fd.h"

namespace mayfly::testing {

// How a command ended, and what it wrote until then.
struct CommandResult {
  std::optional<int> exit_code;  // nothing where a signal ended it
  int signal = 0;
  std::string out;
  std::string err;
};

// A program under test in a process of its own, with pipes for its standard streams unless told
// otherwise. It is killed with this object, should it still run.
class Command final {
 public:
  // Runs in the new process, just before the program: to close, limit or hide things there.
  using Preparation = std::function<void()>;

  // `argv`, the program's path first; run in `directory` with `environment` ("NAME=value") and
  // nothing else of ours.
  Command(std::vector<std::string> argv, std::vector<std::string> environment,
          std::string directory)
      : argv_(std::move(argv)),
        environment_(std::move(environment)),
        directory_(std::move(directory)) {}
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
  ~Command();

  Command& Prepare(Preparation preparation);
  Command& Environment(std::string variable);
  // Instead of the pipes. The descriptors stay the caller's.
  Command& Stdin(int fd);
  Command& Stdout(int fd);

  void Start();
  [[nodiscard]] pid_t pid() const { return pid_; }
  void Signal(int number) const;
  void Write(const std::string& text) const;
  void CloseStdin() { stdin_.Reset(); }
  void CloseStdout() { stdout_.Reset(); }
  // Reads standard output until `text` has come; fails the test where it does not.
  void AwaitOutput(const std::string& text) { Await(text, result_.out); }
  // The same of standard error.
  void AwaitError(const std::string& text) { Await(text, result_.err); }
  // Closes standard input, reads what comes, and waits for the end; fails the test after a minute.
  [[nodiscard]] CommandResult Wait();
  // Start() and Wait().
  [[nodiscard]] CommandResult Run();

 private:
  [[noreturn]] void Become(int in, int out, int err) const;
  // Until `text` is in `stream`, which is one of the result's.
  void Await(const std::string& text, const std::string& stream);
  // Reads what is there within `patience`; false at the end of both streams.
  [[nodiscard]] bool ReadSome(std::chrono::milliseconds patience);

  std::vector<std::string> argv_;
  std::vector<std::string> environment_;
  std::string directory_;
  std::vector<Preparation> preparations_;
  std::optional<int> given_stdin_;
  std::optional<int> given_stdout_;
  pid_t pid_ = -1;
  OwnedFd stdin_;
  OwnedFd stdout_;
  OwnedFd stderr_;
  CommandResult result_;
};

}  // namespace mayfly::testing
