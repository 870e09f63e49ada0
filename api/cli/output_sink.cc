#include "api/cli/output_sink.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>
#include <utility>

namespace mayfly::cli {
namespace {

// A terminal whose reader stalls can block a write although poll() has said that there is room, for
// not all of it may fit. An open file description of our own can be non-blocking. Where it is not
// to be had (another user's terminal after su), the shared one has to do.
[[nodiscard]] OwnedFd ReopenTerminal(int fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  return OwnedFd(::open(path.c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
}

}  // namespace

OutputSink::OutputSink(int fd, kj::UnixEventPort& port)
    : fd_(fd), kind_(KindOf(fd)), port_(port), abandoned_(nullptr), failed_(nullptr) {
  if (kind_ == Kind::kPipe && ::isatty(fd) == 1) {
    own_ = ReopenTerminal(fd);
    if (own_.valid()) fd_ = own_.get();
  }
  auto abandon = kj::newPromiseAndFulfiller<void>();
  abandon_ = std::move(abandon.fulfiller);
  abandoned_ = abandon.promise.fork();
  auto fail = kj::newPromiseAndFulfiller<int>();
  fail_ = std::move(fail.fulfiller);
  failed_ = std::move(fail.promise);
}

OutputSink::Kind OutputSink::KindOf(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return Kind::kNeverStalls;  // write() will say what is wrong
  if (S_ISSOCK(info.st_mode)) return Kind::kSocket;
  if (S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode)) return Kind::kPipe;
  return Kind::kNeverStalls;
}

std::optional<size_t> OutputSink::TryWriteToPipe(std::span<const std::byte> bytes) {
  pollfd room{.fd = fd_, .events = POLLOUT, .revents = 0};
  if (::poll(&room, 1, 0) == 0) {
    errno = EAGAIN;
    return std::nullopt;
  }
  // A pipe with room has room for this much (pipe(7)).
  const ssize_t written = ::write(fd_, bytes.data(), std::min<size_t>(bytes.size(), PIPE_BUF));
  return written < 0 ? std::nullopt : std::optional(static_cast<size_t>(written));
}

std::optional<size_t> OutputSink::TryWrite(std::span<const std::byte> bytes) {
  if (kind_ == Kind::kPipe) return TryWriteToPipe(bytes);
  const ssize_t written = kind_ == Kind::kSocket
                              ? ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                              : ::write(fd_, bytes.data(), bytes.size());
  return written < 0 ? std::nullopt : std::optional(static_cast<size_t>(written));
}

kj::Promise<void> OutputSink::Write(std::span<const std::byte> bytes) {
  while (!bytes.empty() && !dropping_) {
    if (const std::optional<size_t> written = TryWrite(bytes)) {
      bytes = bytes.subspan(*written);
    } else if (errno == EAGAIN) {
      return WhenWritable().then([this, bytes] { return Write(bytes); });
    } else if (errno != EINTR) {
      fail_->fulfill(static_cast<int>(errno));
      dropping_ = true;
    }
  }
  return kj::READY_NOW;
}

kj::Promise<void> OutputSink::WhenWritable() {
  if (!observer_) {
    observer_.emplace(port_, fd_, kj::UnixEventPort::FdObserver::OBSERVE_WRITE);
  }
  return observer_->whenBecomesWritable().exclusiveJoin(abandoned_.addBranch());
}

void OutputSink::Abandon() {
  dropping_ = true;
  abandon_->fulfill();
}

}  // namespace mayfly::cli
