#include "virtio/net/backends/passt_backend.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "virtio/net/filter/net_bytes.h"
#include "virtio/net/ip_network.h"
#include "virtio/protocol/net_protocol.h"

namespace mayfly::virtio {
namespace {

constexpr unsigned kBitsPerByte = 8;

void Encode(uint64_t length, std::span<std::byte> out) {
  for (size_t i = out.size(); i-- > 0; length >>= kBitsPerByte) {
    out[i] = static_cast<std::byte>(length);
  }
}

[[nodiscard]] size_t Decode(std::span<const std::byte> bytes) {
  size_t length = 0;
  for (const std::byte byte : bytes)
    length = length << kBitsPerByte | std::to_integer<size_t>(byte);
  return length;
}

[[nodiscard]] size_t SizeOf(std::span<const iovec> pieces) {
  size_t size = 0;
  for (const iovec& piece : pieces) size += piece.iov_len;
  return size;
}

// Fills `bytes` from `pieces`, which have as many.
void Gather(std::span<const iovec> pieces, std::span<std::byte> bytes) {
  for (const iovec& piece : pieces) {
    const size_t size = std::min(piece.iov_len, bytes.size());
    if (size != 0) std::memcpy(bytes.data(), piece.iov_base, size);
    bytes = bytes.subspan(size);
  }
}

// Copies as much of `bytes` as `pieces` can take.
void Scatter(std::span<const std::byte> bytes, std::span<const iovec> pieces) {
  for (const iovec& piece : pieces) {
    const size_t size = std::min(piece.iov_len, bytes.size());
    if (size != 0) std::memcpy(piece.iov_base, bytes.data(), size);
    bytes = bytes.subspan(size);
  }
}

// Destinations that connect(2) takes for the host that we run on, or for an IPv4 address in
// disguise (ip(7), ipv6(7)); no network carries any of them. passt (of March 2023, at least)
// connects wherever a packet wants to go, so that a guest which makes its own frames would reach
// the host's loopback.
[[nodiscard]] bool IsOfHostItself(const IpAddress& destination) {
  // 0.0.0.0/8 and 127.0.0.0/8; ::/96, with :: and ::1, and ::ffff:0:0/96.
  constexpr uint8_t kThisNetwork = 0;
  constexpr uint8_t kLoopback = 127;
  constexpr size_t kMappedMark = 10;
  const auto& bytes = destination.bytes();
  if (destination.family() == IpFamily::kV4) {
    return bytes[0] == kThisNetwork || bytes[0] == kLoopback;
  }
  const auto mark = std::span(bytes).subspan(kMappedMark, 2);
  return std::all_of(bytes.begin(), bytes.begin() + kMappedMark,
                     [](uint8_t byte) { return byte == 0; }) &&
         ((mark[0] == 0 && mark[1] == 0) || (mark[0] == 0xff && mark[1] == 0xff));
}

// `head`: a frame's first bytes. Where it is IP, they contain the whole address, or it is cut off.
[[nodiscard]] bool LeadsIntoHost(std::span<const std::byte> head) {
  constexpr size_t kDestination4 = kEthernetHeaderSize + 16;
  constexpr size_t kDestination6 = kEthernetHeaderSize + 24;
  if (head.size() < kEthernetHeaderSize) return true;
  switch (static_cast<EtherType>(Word(head, kEtherTypeOffset))) {
    case EtherType::kIpv4:
      return head.size() < kDestination4 + IpAddress::kV4Size ||
             IsOfHostItself(AddressAt(head, kDestination4, IpFamily::kV4));
    case EtherType::kIpv6:
      return head.size() < kDestination6 + IpAddress::kV6Size ||
             IsOfHostItself(AddressAt(head, kDestination6, IpFamily::kV6));
    default:
      return false;
  }
}

// send(2) and recv(2) by the system calls that whole frames take: so the io thread needs no others.
[[nodiscard]] ssize_t SendBytes(int socket, std::span<std::byte> bytes) {
  iovec piece = {.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

[[nodiscard]] ssize_t ReceiveBytes(int socket, std::span<std::byte> bytes) {
  iovec piece = {.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  return ::recvmsg(socket, &message, MSG_DONTWAIT);
}

[[nodiscard]] absl::StatusOr<OwnedFd> MakeWritability(int socket) {
  OwnedFd writability(::epoll_create1(EPOLL_CLOEXEC));
  if (!writability.valid()) return ErrnoStatus("creating an epoll instance");
  epoll_event event{};
  event.events = EPOLLOUT;
  if (::epoll_ctl(writability.get(), EPOLL_CTL_ADD, socket, &event) != 0) {
    return ErrnoStatus("watching the socket to passt");
  }
  return writability;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PasstBackend>> PasstBackend::Create(OwnedFd socket, EventLoop& io) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) {
    return absl::InvalidArgumentError(
        absl::StrCat("descriptor ", socket.get(), " is no stream socket: connect one to passt"));
  }
  MAYFLY_ASSIGN_OR_RETURN(OwnedFd writability, MakeWritability(socket.get()));
  return std::make_unique<PasstBackend>(Passkey(), std::move(socket), std::move(writability), io);
}

PasstBackend::PasstBackend(Passkey, OwnedFd socket, OwnedFd writability, EventLoop& io)
    : socket_(std::move(socket)), writability_(std::move(writability)), io_(io) {}

PasstBackend::~PasstBackend() { Stop(); }

absl::Status PasstBackend::Start(uint64_t /*features*/, NetBackendEvents& events) {
  if (lost_ != 0) {
    return absl::UnavailableError(
        absl::StrCat("the link to passt has ended: ", std::strerror(lost_)));
  }
  events_ = &events;
  absl::Status status = ResumeReceiving(0);
  if (status.ok() && !unsent_.empty()) status = WatchWritability();
  if (!status.ok()) Stop();
  return status;
}

void PasstBackend::PauseReceiving(uint16_t /*pair*/) {
  if (std::exchange(watching_readability_, false)) io_.Unwatch(socket_.get());
}

absl::Status PasstBackend::ResumeReceiving(uint16_t /*pair*/) {
  if (watching_readability_) return absl::OkStatus();
  MAYFLY_RETURN_IF_ERROR(io_.Watch(socket_.get(), [this] { events_->OnReadable(0); }));
  watching_readability_ = true;
  return absl::OkStatus();
}

absl::Status PasstBackend::WatchWritability() {
  if (watching_writability_) return absl::OkStatus();
  MAYFLY_RETURN_IF_ERROR(io_.Watch(writability_.get(), [this] { OnSocketWritable(); }));
  watching_writability_ = true;
  return absl::OkStatus();
}

void PasstBackend::UnwatchWritability() {
  if (std::exchange(watching_writability_, false)) io_.Unwatch(writability_.get());
}

void PasstBackend::Stop() {
  PauseReceiving(0);
  UnwatchWritability();
  events_ = nullptr;
}

void PasstBackend::Close() {
  Stop();
  writability_ = OwnedFd();
  socket_ = OwnedFd();
  lost_ = ENOTCONN;
}

NetBackend::Result PasstBackend::Send(uint16_t /*pair*/, std::span<iovec> packet) {
  if (lost_ != 0) return {.error = lost_};
  const auto head =
      std::span(static_cast<const std::byte*>(packet.front().iov_base), packet.front().iov_len)
          .subspan(kNetHeaderSize);
  if (LeadsIntoHost(head)) return {.error = EHOSTUNREACH};
  if (!unsent_.empty()) return {.error = EAGAIN};  // and OnSocketWritable() will come
  std::array<std::byte, kLengthSize> length{};
  Encode(SizeOf(packet) - kNetHeaderSize, length);
  pieces_.assign(1, {.iov_base = length.data(), .iov_len = length.size()});
  pieces_.push_back({.iov_base = static_cast<std::byte*>(packet.front().iov_base) + kNetHeaderSize,
                     .iov_len = packet.front().iov_len - kNetHeaderSize});
  pieces_.insert(pieces_.end(), packet.begin() + 1, packet.end());

  msghdr message{};
  message.msg_iov = pieces_.data();
  message.msg_iovlen = pieces_.size();
  const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) return {.error = errno};
  if (sent >= 0 && static_cast<size_t>(sent) == SizeOf(pieces_)) return {};
  if (sent > 0) {
    unsent_.resize(SizeOf(pieces_));
    Gather(pieces_, unsent_);
    unsent_.erase(unsent_.begin(), unsent_.begin() + sent);  // which is gone
  }
  if (!WatchWritability().ok()) return Lose(ENOMEM);
  return {.error = sent > 0 ? 0 : EAGAIN};
}

int PasstBackend::Flush() {
  while (!unsent_.empty()) {
    const ssize_t sent = SendBytes(socket_.get(), unsent_);
    if (sent < 0) return errno;
    unsent_.erase(unsent_.begin(), unsent_.begin() + sent);
  }
  return 0;
}

void PasstBackend::OnSocketWritable() {
  const int error = Flush();
  if (error == EAGAIN) return;
  UnwatchWritability();
  // Where passt has ended, what it said at last is still read, and then the end.
  if (error != 0) unsent_.clear();
  events_->OnWritable(0);
}

NetBackend::Result PasstBackend::Receive(uint16_t /*pair*/, std::span<iovec> room) {
  if (lost_ != 0) return {.error = lost_};
  int error = ReadLength();
  if (error == 0) error = begun_.empty() ? ReadFrame(room.subspan(1)) : ReadRest();
  if (error == EAGAIN) return {.error = error};
  if (error != 0) return Lose(error);

  if (!begun_.empty()) {
    Scatter(begun_, room.subspan(1));
    begun_.clear();
  }
  const NetHeader header;  // no offloads
  std::memcpy(room.front().iov_base, &header, kNetHeaderSize);
  return {.error = 0, .bytes = kNetHeaderSize + std::exchange(length_, 0)};
}

int PasstBackend::ReadLength() {
  if (length_ != 0) return 0;
  if (length_read_ < kLengthSize) {
    const auto rest = std::span(length_bytes_).subspan(length_read_);
    const ssize_t received = ReceiveBytes(socket_.get(), rest);
    if (received <= 0) return WhyNothing(received);
    length_read_ += static_cast<size_t>(received);
    if (length_read_ < kLengthSize) return EAGAIN;
  }
  length_read_ = 0;
  length_ = Decode(length_bytes_);
  return length_ < kEthernetHeaderSize || length_ > kMaxFrameSize ? EPROTO : 0;
}

// With the frame comes the length of the one behind it: one system call for each.
int PasstBackend::ReadFrame(std::span<const iovec> room) {
  pieces_.clear();
  size_t missing = length_;
  for (const iovec& piece : room) {
    const size_t size = std::min(piece.iov_len, missing);
    if (size != 0) pieces_.push_back({.iov_base = piece.iov_base, .iov_len = size});
    missing -= size;
  }
  pieces_.push_back({.iov_base = length_bytes_.data(), .iov_len = kLengthSize});

  msghdr message{};
  message.msg_iov = pieces_.data();
  message.msg_iovlen = pieces_.size();
  const ssize_t received = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT);
  if (received <= 0) return WhyNothing(received);
  const auto count = static_cast<size_t>(received);
  if (count < length_) {
    begun_.resize(length_);
    Gather(pieces_, std::span(begun_).first(count));
    begun_read_ = count;
    return EAGAIN;
  }
  length_read_ = count - length_;
  return 0;
}

int PasstBackend::ReadRest() {
  const auto rest = std::span(begun_).subspan(begun_read_);
  const ssize_t received = ReceiveBytes(socket_.get(), rest);
  if (received <= 0) return WhyNothing(received);
  begun_read_ += static_cast<size_t>(received);
  return begun_read_ < begun_.size() ? EAGAIN : 0;
}

int PasstBackend::WhyNothing(ssize_t received) { return received == 0 ? ECONNRESET : errno; }

NetBackend::Result PasstBackend::Lose(int error) {
  lost_ = error;
  return {.error = error};
}

}  // namespace mayfly::virtio
