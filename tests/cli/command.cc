#include "tests/cli/command.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/pipe.h"
#include "gtest/gtest.h"

namespace mayfly::testing {
namespace {

using Clock = std::chrono::steady_clock;

// Far beyond what any of these commands takes on a busy machine.
constexpr std::chrono::seconds kPatience{60};
constexpr std::chrono::milliseconds kStep{20};
constexpr int kCannotRun = 99;
// Bytes of output in a message: enough to see what went on.
constexpr size_t kShown = 2000;

// False at the end of the stream.
bool Append(int fd, std::string& text) {
  std::array<char, 65536> chunk{};
  const ssize_t got = ::read(fd, chunk.data(), chunk.size());
  if (got <= 0) return false;
  text.append(chunk.data(), static_cast<size_t>(got));
  return true;
}

std::vector<char*> Pointers(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Command::~Command() {
  if (pid_ < 0) return;
  Signal(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

Command& Command::Prepare(Preparation preparation) {
  preparations_.push_back(std::move(preparation));
  return *this;
}

Command& Command::Environment(std::string variable) {
  environment_.push_back(std::move(variable));
  return *this;
}

Command& Command::Stdin(int fd) {
  given_stdin_ = fd;
  return *this;
}

Command& Command::Stdout(int fd) {
  given_stdout_ = fd;
  return *this;
}

void Command::Become(int in, int out, int err) const {
  ::dup2(in, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  for (const Preparation& preparation : preparations_) preparation();
  if (::chdir(directory_.c_str()) != 0) ::_exit(kCannotRun);
  ::execve(argv_.front().c_str(), Pointers(argv_).data(), Pointers(environment_).data());
  ::_exit(kCannotRun);
}

void Command::Start() {
  Pipe in = Pipe::Make().value();
  Pipe out = Pipe::Make().value();
  Pipe err = Pipe::Make().value();
  pid_ = ::fork();
  ASSERT_GE(pid_, 0);
  if (pid_ == 0) {
    Become(given_stdin_.value_or(in.reader.get()), given_stdout_.value_or(out.writer.get()),
           err.writer.get());
  }
  stdin_ = std::move(in.writer);
  stdout_ = std::move(out.reader);
  stderr_ = std::move(err.reader);
}

void Command::Signal(int number) const { ::kill(pid_, number); }

void Command::Write(const std::string& text) const {
  EXPECT_EQ(::write(stdin_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

bool Command::ReadSome(std::chrono::milliseconds patience) {
  std::array<pollfd, 2> streams = {pollfd{stdout_.get(), POLLIN, 0},
                                   pollfd{stderr_.get(), POLLIN, 0}};
  ::poll(streams.data(), streams.size(), static_cast<int>(patience.count()));
  if (streams[0].revents != 0 && !Append(stdout_.get(), result_.out)) stdout_.Reset();
  if (streams[1].revents != 0 && !Append(stderr_.get(), result_.err)) stderr_.Reset();
  return stdout_.valid() || stderr_.valid();
}

void Command::Await(const std::string& text, const std::string& stream) {
  const auto deadline = Clock::now() + kPatience;
  while (stream.find(text) == std::string::npos) {
    ASSERT_TRUE(ReadSome(kStep) && Clock::now() < deadline)
        << "\"" << text << "\" did not come; out: " << result_.out << " err: " << result_.err;
  }
}

CommandResult Command::Wait() {
  const auto deadline = Clock::now() + kPatience;
  CloseStdin();
  int status = 0;
  pid_t ended = 0;
  while ((ended = ::waitpid(pid_, &status, WNOHANG)) == 0 && Clock::now() < deadline) {
    (void)ReadSome(kStep);
  }
  if (ended != pid_) {
    ADD_FAILURE() << "the command did not end; err: " << result_.err
                  << " out: " << result_.out.substr(0, kShown);
    return std::move(result_);
  }
  pid_ = -1;
  while (ReadSome(kStep)) {
  }
  if (WIFEXITED(status)) result_.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
  return std::move(result_);
}

CommandResult Command::Run() {
  Start();
  return Wait();
}

}  // namespace mayfly::testing
