#include "tests/bench/measured_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "base/pipe.h"
#include "base/status.h"

namespace mayfly::bench {
namespace {

constexpr int kSignalBase = 128;
constexpr int kNotExecuted = 127;

// The child: waits until its counters are there, then becomes the program.
[[noreturn]] void Execute(std::vector<char*>& arguments, int go, int output) {
  std::byte byte{};
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (::read(go, &byte, sizeof byte) != sizeof byte || ::dup2(null, STDIN_FILENO) < 0 ||
      ::dup2(output, STDOUT_FILENO) < 0 || ::dup2(null, STDERR_FILENO) < 0) {
    ::_exit(kNotExecuted);
  }
  ::execvp(arguments[0], arguments.data());
  ::_exit(kNotExecuted);
}

}  // namespace

absl::StatusOr<MeasuredProcess> MeasuredProcess::Start(const std::vector<std::string>& argv) {
  MAYFLY_ASSIGN_OR_RETURN(Pipe output, Pipe::Make());
  MAYFLY_ASSIGN_OR_RETURN(Pipe go, Pipe::Make());
  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const std::string& word : argv) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) return ErrnoStatus("starting " + argv[0]);
  if (pid == 0) {
    go.writer.Reset();
    Execute(arguments, go.reader.get(), output.writer.get());
  }
  auto abandon = absl::MakeCleanup([&] {
    go.writer.Reset();  // it ends then
    ::waitpid(pid, nullptr, 0);
  });
  MAYFLY_ASSIGN_OR_RETURN(HostCounters counters, HostCounters::Attach(pid));
  const std::byte byte{};
  if (::write(go.writer.get(), &byte, sizeof byte) != sizeof byte) return ErrnoStatus("starting");
  std::move(abandon).Cancel();
  return MeasuredProcess(pid, std::move(output.reader), std::move(counters));
}

MeasuredProcess::MeasuredProcess(MeasuredProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      output_(std::move(other.output_)),
      counters_(std::move(other.counters_)),
      buffer_(std::move(other.buffer_)) {}

MeasuredProcess::~MeasuredProcess() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

absl::StatusOr<std::optional<std::string>> MeasuredProcess::ReadLine(Nanoseconds timeout) {
  const Nanoseconds deadline = MonotonicNow() + timeout;
  while (true) {
    if (const size_t end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      if (line.ends_with('\r')) line.pop_back();
      return line;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - MonotonicNow());
    pollfd ready{.fd = output_.get(), .events = POLLIN, .revents = 0};
    const int count = left.count() > 0 ? ::poll(&ready, 1, static_cast<int>(left.count())) : 0;
    if (count == 0) return absl::DeadlineExceededError("the program prints nothing any more");
    if (count < 0) return ErrnoStatus("waiting for a program's output");
    std::array<char, 4096> part{};
    const ssize_t got = ::read(output_.get(), part.data(), part.size());
    if (got < 0) return ErrnoStatus("reading a program's output");
    if (got == 0) return std::nullopt;
    buffer_.append(part.data(), static_cast<size_t>(got));
  }
}

absl::StatusOr<int> MeasuredProcess::Wait() {
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) return ErrnoStatus("waiting for a program");
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : kSignalBase + WTERMSIG(status);
}

}  // namespace mayfly::bench
