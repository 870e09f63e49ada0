#include "tests/host/recording.h"

#include <kj/async-unix.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "api/codec/machine_spec.h"
#include "base/socket_pair.h"
#include "gtest/gtest.h"

namespace mayfly::testing {
namespace {

constexpr size_t kPieceBytes = size_t{64} << 10;
constexpr size_t kControlBytes = CMSG_SPACE(sizeof(int) * api::kMaxFdsPerMessage);

void TakeFds(msghdr& message, std::vector<OwnedFd>& fds) {
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr;
       head = CMSG_NXTHDR(&message, head)) {
    for (size_t at = 0; CMSG_LEN((at + 1) * sizeof(int)) <= head->cmsg_len; ++at) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(head) + at * sizeof(int), sizeof fd);
      fds.emplace_back(fd);
    }
  }
}

[[nodiscard]] size_t Send(int socket, std::string bytes, std::span<const OwnedFd> fds) {
  alignas(cmsghdr) std::array<char, kControlBytes> control{};
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* const head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    for (size_t at = 0; at < fds.size(); ++at) {
      const int fd = fds[at].get();
      std::memcpy(CMSG_DATA(head) + at * sizeof(int), &fd, sizeof fd);
    }
  }
  const ssize_t sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent < 0 ? 0 : static_cast<size_t>(sent);
}

}  // namespace

Recording::Recording(kj::AsyncIoContext& io) : io_(io) {
  SocketPair sockets = SocketPair::MakeNonBlocking().value();
  far_end_ = std::move(sockets.theirs);
  client_ = std::make_unique<api::HostConnection>(io.lowLevelProvider->wrapUnixSocketFd(
      sockets.ours.release(), kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP |
                                  kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC |
                                  kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK));
}

void Recording::Record(const std::function<void(api::HostConnection&)>& speak) {
  speak(*client_);
  io_.waitScope.poll();
  Receive();
}

void Recording::Receive() {
  std::vector<char> buffer(kPieceBytes);
  while (true) {
    alignas(cmsghdr) std::array<char, kControlBytes> control{};
    iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(far_end_.get(), &message, MSG_CMSG_CLOEXEC);
    if (got <= 0) return;
    Piece& piece = pieces_.emplace_back();
    piece.bytes.assign(buffer.data(), static_cast<size_t>(got));
    TakeFds(message, piece.fds);
    size_ += piece.bytes.size();
    io_.unixEventPort.poll();
    io_.waitScope.poll();
  }
}

std::string Recording::Bytes() const {
  std::string bytes;
  for (const Piece& piece : pieces_) bytes += piece.bytes;
  return bytes;
}

size_t Recording::Play(int socket, size_t bytes,
                       const std::function<void(std::string&)>& spoil) const {
  size_t played = 0;
  for (const Piece& piece : pieces_) {
    const size_t wanted = std::min(piece.bytes.size(), bytes - played);
    if (wanted == 0) break;
    std::string part = piece.bytes.substr(0, wanted);
    if (spoil) spoil(part);
    const size_t sent = Send(socket, std::move(part), piece.fds);
    played += sent;
    if (sent != wanted) break;
  }
  return played;
}

}  // namespace mayfly::testing
