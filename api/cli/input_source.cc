#include "api/cli/input_source.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>

namespace mayfly::cli {
namespace {

[[nodiscard]] bool IsReadable(int fd) {
  pollfd input{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&input, 1, 0) != 0;
}

}  // namespace

kj::Promise<InputSource::End> InputSource::Carry(rpc::ByteStream::Client guest) {
  return Step(kj::mv(guest)).catch_([](kj::Exception&&) { return End::kEndOfInput; });
}

kj::Promise<void> InputSource::WhenReadable() {
  // What cannot be waited for (a file) has never got us here.
  if (!observer_) observer_.emplace(port_, fd_, kj::UnixEventPort::FdObserver::OBSERVE_READ);
  return observer_->whenBecomesReadable();
}

kj::Promise<InputSource::End> InputSource::Step(rpc::ByteStream::Client guest) {
  if (!IsReadable(fd_)) {
    return WhenReadable().then(
        [this, guest = kj::mv(guest)]() mutable { return Step(kj::mv(guest)); });
  }
  const ssize_t got = ::read(fd_, chunk_.data(), chunk_.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return Step(kj::mv(guest));
  if (got <= 0) return End::kEndOfInput;
  const auto bytes = std::span(chunk_).first(static_cast<size_t>(got));
  for_guest_.clear();
  if (escape_ == Escape::kNone) {
    for_guest_.assign(bytes.begin(), bytes.end());
  } else if (filter_.Filter(bytes, for_guest_) == EscapeFilter::Verdict::kQuit) {
    return End::kQuit;
  }
  auto sent = Send(guest);
  return sent.then([this, guest = kj::mv(guest)]() mutable { return Step(kj::mv(guest)); });
}

kj::Promise<void> InputSource::Send(rpc::ByteStream::Client& guest) {
  if (for_guest_.empty()) return kj::READY_NOW;
  auto request = guest.writeRequest();
  auto data = request.initBytes(static_cast<capnp::uint>(for_guest_.size()));
  std::memcpy(data.begin(), for_guest_.data(), for_guest_.size());
  return request.send();
}

}  // namespace mayfly::cli
