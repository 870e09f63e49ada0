#include "tests/hostile/bad_passt.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "base/socket_pair.h"
#include "base/status.h"
#include "virtio/protocol/net_protocol.h"

namespace mayfly::hostile {
namespace {

constexpr size_t kLengthBytes = 4;
constexpr size_t kFrameBytes = 1514;
constexpr size_t kFloodFrames = 20'000;
constexpr size_t kFramesUntilTheEnd = 1'000;

}  // namespace

absl::StatusOr<std::unique_ptr<BadPasst>> BadPasst::Create(const virtio::MacAddress& mac,
                                                           Mischief mischief) {
  MAYFLY_ASSIGN_OR_RETURN(SocketPair sockets, SocketPair::Make());
  MAYFLY_ASSIGN_OR_RETURN(EventFd stop, EventFd::Create());
  MAYFLY_ASSIGN_OR_RETURN(EventFd make_up, EventFd::Create());
  return std::make_unique<BadPasst>(Passkey(), mac, mischief, std::move(sockets.ours),
                                    std::move(sockets.theirs), std::move(stop), std::move(make_up));
}

BadPasst::BadPasst(Passkey, const virtio::MacAddress& mac, Mischief mischief, OwnedFd socket,
                   OwnedFd guests_end, EventFd stop, EventFd make_up)
    : Peer(mac),
      mischief_(mischief),
      socket_(std::move(socket)),
      guests_end_(std::move(guests_end)),
      stop_(std::move(stop)),
      make_up_(std::move(make_up)),
      thread_([this] { Serve(); }) {}

BadPasst::~BadPasst() {
  stop_.Signal();
  thread_.join();
}

void BadPasst::ConnectTo(vmm::NetConfig& net) {
  net.backend = vmm::PasstNet{.socket = std::move(guests_end_)};
}

void BadPasst::MakeUp() { make_up_.Signal(); }

void BadPasst::Serve() {
  const auto events = [this] {
    const bool speaks = !unsaid_.empty() || to_flood_ != 0;
    return static_cast<short>((listens_ ? POLLIN : 0) | (speaks ? POLLOUT : 0));
  };
  std::array<pollfd, 3> ready = {pollfd{.fd = stop_.fd(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = make_up_.fd(), .events = POLLIN, .revents = 0},
                                 pollfd{}};
  while (true) {
    ready[2] = {.fd = socket_.get(), .events = events(), .revents = 0};
    if (::poll(ready.data(), ready.size(), -1) < 0 || ready[0].revents != 0) return;
    if (ready[1].revents != 0) {
      make_up_.Drain();
      listens_ = true;
    }
    if ((ready[2].revents & POLLOUT) != 0) Flush();
    if (socket_.valid() && (ready[2].revents & (POLLIN | POLLHUP)) != 0) Listen();
  }
}

void BadPasst::Listen() {
  std::array<std::byte, 1 << 16> piece{};
  const ssize_t bytes = ::recv(socket_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
  if (bytes < 0 && errno == EAGAIN) return;
  if (bytes <= 0) return HangUp();  // the VMM has ended
  heard_.insert(heard_.end(), piece.begin(), piece.begin() + bytes);
  size_t taken = 0;
  while (socket_.valid() && heard_.size() - taken >= kLengthBytes) {
    size_t length = 0;
    for (size_t i = 0; i < kLengthBytes; ++i) {
      length = length << 8 | std::to_integer<size_t>(heard_[taken + i]);
    }
    if (heard_.size() - taken - kLengthBytes < length) break;
    Answer(std::span(heard_).subspan(taken + kLengthBytes, length));
    taken += kLengthBytes + length;
  }
  heard_.erase(heard_.begin(), heard_.begin() + static_cast<ptrdiff_t>(taken));
}

void BadPasst::Answer(std::span<std::byte> frame) {
  if (until_the_end_ != 0 && --until_the_end_ == 0) return HangUp();
  switch (Look(frame)) {
    case Wish::kNothing:
      return;
    case Wish::kEcho:
      return Say(frame);
    case Wish::kMischief:
      return MakeMischief();
  }
}

void BadPasst::MakeMischief() {
  const std::array<std::byte, kFrameBytes> frame{};
  switch (mischief_) {
    case Mischief::kNone:
      return;
    case Mischief::kLengthOfNothing:
      SayLength(0);
      return Flush();
    case Mischief::kLengthTooShort:
      SayLength(virtio::kEthernetHeaderSize - 1);
      return Flush();
    case Mischief::kLengthTooLong:
      SayLength(virtio::kMaxFrameSize + 1);
      return Flush();
    case Mischief::kLengthOfAllOnes:
      SayLength(UINT32_MAX);
      return Flush();
    case Mischief::kEnd:
      return HangUp();
    case Mischief::kEndLater:
      until_the_end_ = kFramesUntilTheEnd;
      return;
    case Mischief::kEndInALength:
      Append(std::span(frame).first(kLengthBytes / 2));
      Flush();
      return HangUp();
    case Mischief::kEndInAFrame:
      SayLength(frame.size());
      Append(std::span(frame).first(frame.size() / 2));
      Flush();
      return HangUp();
    case Mischief::kHalfAFrame:
      SayLength(frame.size());
      Append(std::span(frame).first(frame.size() / 2));
      withheld_.assign(frame.size() / 2, std::byte{0});
      return Flush();
    case Mischief::kByteByByte:
      byte_by_byte_ = true;
      return;
    case Mischief::kFlood:
      to_flood_ = kFloodFrames;
      return;
    case Mischief::kDeafness:
      listens_ = false;
      return;
  }
}

void BadPasst::Say(std::span<const std::byte> frame) {
  if (!unsaid_.empty() || to_flood_ != 0) return;
  Append(std::exchange(withheld_, {}));
  SayLength(frame.size());
  Append(frame);
  Flush();
}

void BadPasst::SayLength(size_t length) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    unsaid_.push_back(static_cast<std::byte>(length >> shift & 0xff));
  }
}

void BadPasst::Append(std::span<const std::byte> bytes) {
  unsaid_.insert(unsaid_.end(), bytes.begin(), bytes.end());
}

void BadPasst::Flush() {
  if (unsaid_.empty() && to_flood_ != 0) {
    --to_flood_;
    SayLength(kFrameBytes);
    unsaid_.resize(unsaid_.size() + kFrameBytes);
  }
  size_t said = 0;
  while (said < unsaid_.size()) {
    const size_t length = byte_by_byte_ ? 1 : unsaid_.size() - said;
    const ssize_t sent = ::send(socket_.get(), &unsaid_[said], length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) break;  // full; or the VMM has ended, which is heard
    said += static_cast<size_t>(sent);
  }
  unsaid_.erase(unsaid_.begin(), unsaid_.begin() + static_cast<ptrdiff_t>(said));
}

void BadPasst::HangUp() {
  socket_ = OwnedFd();
  unsaid_.clear();
  to_flood_ = 0;
}

}  // namespace mayfly::hostile
