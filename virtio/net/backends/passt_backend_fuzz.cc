// The stream from passt, and what a device does meanwhile, as the input says. What comes out is
// held against a second reader of the same stream, that has all of it at once.

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/socket_pair.h"
#include "base/testing/byte_source.h"
#include "base/testing/fuzz_target.h"
#include "virtio/net/backends/passt_backend.h"
#include "virtio/net/mac_address.h"

namespace mayfly::virtio {
namespace {

using Bytes = std::vector<std::byte>;

constexpr size_t kLengthSize = 4;
constexpr unsigned kBitsPerByte = 8;
// Of the whole stream: more would only be slow.
constexpr size_t kMaxStream = size_t{1} << 20U;
// As little as the kernel allows, so that frames go out in parts.
constexpr int kSendBuffer = 4096;
// For experiments (IEEE 802): goes where it wants.
constexpr std::array kEtherType = {std::byte{0x88}, std::byte{0xb5}};
// Each takes some kilobytes at least, of a megabyte at most.
constexpr int kDrainTurns = 1000;

enum class Action : uint8_t {
  kAddFrame,
  kAddRaw,
  kSay,
  kReceive,
  kTurn,
  kSend,
  kHear,
  kPause,
  kResume,
  kRestart,
  kStop,
  kClosePeer,
  kCount,
};

void Check(bool good) {
  if (!good) __builtin_trap();
}

void Append(Bytes& to, std::span<const std::byte> bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

// Appends `frame` as it is in the stream.
void AppendFramed(Bytes& to, const Bytes& frame) {
  for (unsigned i = kLengthSize; i-- > 0;) {
    to.push_back(static_cast<std::byte>(frame.size() >> (i * kBitsPerByte)));
  }
  Append(to, frame);
}

// No two of them begin alike.
Bytes NumberedFrame(size_t size, unsigned number) {
  Bytes frame(size);
  for (size_t i = 0; i < size; ++i)
    frame[i] = static_cast<std::byte>(size_t{number} * 31 + i * 7 + i / 256);
  std::ranges::copy(kEtherType, frame.begin() + 2 * MacAddress::kSize);
  return frame;
}

// Reads the stream a second time.
class Deframer final {
 public:
  void Add(std::span<const std::byte> bytes) { Append(stream_, bytes); }

  // Whether the next length is there and no frame has it.
  [[nodiscard]] bool IsBroken() const {
    const std::optional<size_t> length = NextLength();
    return length && (*length < kEthernetHeaderSize || *length > kMaxFrameSize);
  }
  // Takes the next frame, where all of it is there.
  [[nodiscard]] std::optional<Bytes> TakeFrame() {
    const std::optional<size_t> length = NextLength();
    if (!length || IsBroken() || Rest().size() < kLengthSize + *length) return std::nullopt;
    const auto frame = Rest().subspan(kLengthSize, *length);
    taken_ += kLengthSize + *length;
    return Bytes(frame.begin(), frame.end());
  }

 private:
  [[nodiscard]] std::span<const std::byte> Rest() const {
    return std::span(stream_).subspan(taken_);
  }
  [[nodiscard]] std::optional<size_t> NextLength() const {
    if (Rest().size() < kLengthSize) return std::nullopt;
    size_t length = 0;
    for (const std::byte byte : Rest().first(kLengthSize)) {
      length = length << kBitsPerByte | std::to_integer<size_t>(byte);
    }
    return length;
  }

  Bytes stream_;
  size_t taken_ = 0;
};

class Fuzz final : private NetBackendEvents {
 public:
  explicit Fuzz(ByteSource input) : input_(input), io_(EventLoop::Create().value()) {
    SocketPair sockets = SocketPair::Make().value();
    peer_ = std::move(sockets.theirs);
    socket_ = sockets.ours.get();
    Check(::setsockopt(socket_, SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer) == 0);
    backend_ = PasstBackend::Create(std::move(sockets.ours), *io_).value();
    Start();
  }

  void Run() {
    io_->Post([this] { RunTurn(); });
    io_->Run();
  }

 private:
  void OnReadable(uint16_t /*pair*/) override { readable_ = true; }
  void OnWritable(uint16_t /*pair*/) override { blocked_ = false; }

  void RunTurn() {
    CheckTurn();
    while (!input_.empty()) {
      const auto action =
          static_cast<Action>(input_.TakeBelow(static_cast<uint64_t>(Action::kCount)));
      if (action == Action::kTurn) return EndTurn();
      Step(action);
    }
    Drain();
  }
  // Another one comes when what is ready has been told of.
  void EndTurn() {
    readable_ = false;
    waits_ = started_ && !paused_ && lost_ == 0 && IsReadable();
    io_->Post([this] { io_->Post([this] { RunTurn(); }); });
  }
  void CheckTurn() const { Check(!waits_ || readable_); }
  // The peer hears all that was sent; then the end.
  void Drain() {
    Hear(kMaxStream);
    if (drain_turns_++ < kDrainTurns && started_ && lost_ == 0 && peer_.valid() &&
        heard_ < to_hear_.size()) {
      return EndTurn();
    }
    if (drain_turns_ <= kDrainTurns && blocked_ && started_ && lost_ == 0 && peer_.valid()) {
      return EndTurn();
    }
    if (started_ && lost_ == 0 && peer_.valid()) Check(heard_ == to_hear_.size() && !blocked_);
    backend_->Stop();
    backend_->Close();
    io_->Stop();
  }

  void Step(Action action) {
    switch (action) {
      case Action::kAddFrame:
        return AppendFramed(to_say_, NumberedFrame(TakeSize(), number_++));
      case Action::kAddRaw:
        return Append(to_say_, std::as_bytes(input_.TakeBytes(input_.TakeBelow(16))));
      case Action::kSay:
        return Say();
      case Action::kReceive:
        return Receive();
      case Action::kSend:
        return Send();
      case Action::kHear:
        return Hear(input_.Take<uint16_t>());
      case Action::kPause:
        if (!started_) return;
        backend_->PauseReceiving(0);
        paused_ = true;
        return;
      case Action::kResume:
        if (!started_) return;
        Check(backend_->ResumeReceiving(0).ok());
        paused_ = false;
        return;
      case Action::kRestart:
        Stop();
        return Start();
      case Action::kStop:
        return Stop();
      case Action::kClosePeer:
        if (input_.TakeBelow(8) == 0) peer_ = OwnedFd();
        return;
      case Action::kTurn:
      case Action::kCount:
        return;
    }
  }

  void Start() {
    started_ = backend_->Start(0, *this).ok();
    Check(started_ == (lost_ == 0));
    paused_ = false;
  }
  void Stop() {
    backend_->Stop();
    started_ = false;
    blocked_ = false;
  }

  // The peer says some more of what it is to say.
  void Say() {
    const auto size = std::min<size_t>(input_.Take<uint16_t>(), to_say_.size());
    if (!peer_.valid() || size == 0 || said_ > kMaxStream) return;
    const ssize_t sent = ::send(peer_.get(), to_say_.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return;
    deframer_.Add(std::span(to_say_).first(static_cast<size_t>(sent)));
    to_say_.erase(to_say_.begin(), to_say_.begin() + sent);
    said_ += static_cast<size_t>(sent);
  }

  // Into a header, up to four pieces of room, and as much as any frame needs behind them.
  void Receive() {
    if (!started_) return;
    NetHeader header = {.flags = kNetNeedsChecksum};  // to be overwritten
    std::vector<Bytes> room(input_.TakeBelow(4));
    for (Bytes& piece : room) piece.resize(input_.Take<uint8_t>() * size_t{16});
    std::vector<iovec> pieces = {{.iov_base = &header, .iov_len = kNetHeaderSize}};
    for (Bytes& piece : room) {
      pieces.push_back({.iov_base = piece.data(), .iov_len = piece.size()});
    }
    pieces.push_back({.iov_base = spill_.data(), .iov_len = spill_.size()});
    const NetBackend::Result result = backend_->Receive(0, pieces);
    if (result.error != 0) return CheckNothing(result.error);
    Check(lost_ == 0 && header == NetHeader());
    Bytes received;
    for (const Bytes& piece : room) Append(received, piece);
    Append(received, spill_);
    Check(result.bytes >= kNetHeaderSize && result.bytes - kNetHeaderSize <= received.size());
    received.resize(result.bytes - kNetHeaderSize);
    Check(deframer_.TakeFrame() == received);
  }
  // That `error` is what is to be said where nothing was received.
  void CheckNothing(int error) {
    if (lost_ != 0) return Check(error == lost_);
    Check(!deframer_.TakeFrame());
    if (deframer_.IsBroken()) {
      Check(error == EPROTO);
    } else if (error != EAGAIN || heard_end_) {
      Check(error == ECONNRESET && !peer_.valid());
    } else {
      heard_end_ = !peer_.valid();  // what is left of a frame was taken, and the end is next
    }
    if (error != EAGAIN) lost_ = error;
  }

  void Send() {
    if (!started_ || to_hear_.size() > kMaxStream) return;
    Bytes frame = NumberedFrame(TakeSize(), number_++);
    const size_t in_head = std::min<size_t>(frame.size(), kEthernetHeaderSize + TakeSize());
    Bytes head(kNetHeaderSize);
    Append(head, std::span(frame).first(in_head));
    std::array pieces = {
        iovec{.iov_base = head.data(), .iov_len = head.size()},
        iovec{.iov_base = frame.data() + in_head, .iov_len = frame.size() - in_head}};
    const int error = backend_->Send(0, pieces).error;
    if (lost_ != 0) return Check(error == lost_);
    if (error == 0) {
      AppendFramed(to_hear_, frame);
    } else if (error == EAGAIN) {
      blocked_ = true;
    } else {
      Check(!peer_.valid() && (error == EPIPE || error == ECONNRESET));
    }
  }
  void Hear(size_t size) {
    if (!peer_.valid()) return;
    const ssize_t got =
        ::recv(peer_.get(), spill_.data(), std::min(size, spill_.size()), MSG_DONTWAIT);
    if (got <= 0) return;
    const auto count = static_cast<size_t>(got);
    Check(count <= to_hear_.size() - heard_ &&
          std::memcmp(spill_.data(), &to_hear_[heard_], count) == 0);
    heard_ += count;
  }

  [[nodiscard]] bool IsReadable() const {
    int bytes = 0;
    return ::ioctl(socket_, FIONREAD, &bytes) == 0 && (bytes > 0 || !peer_.valid());
  }
  // Of a frame: mostly small.
  [[nodiscard]] size_t TakeSize() {
    if (input_.TakeBelow(4) != 0) return kEthernetHeaderSize + input_.Take<uint8_t>();
    return kEthernetHeaderSize +
           input_.Take<uint32_t>() % (kMaxFrameSize - kEthernetHeaderSize + 1);
  }

  ByteSource input_;
  const std::unique_ptr<EventLoop> io_;
  OwnedFd peer_;
  int socket_ = -1;  // the backend's
  std::unique_ptr<PasstBackend> backend_;
  bool started_ = false;
  bool paused_ = false;
  bool blocked_ = false;    // Send() said EAGAIN, and OnWritable() did not come yet
  bool readable_ = false;   // OnReadable() came in this turn,
  bool waits_ = false;      // and has to
  bool heard_end_ = false;  // the next error is ECONNRESET
  int lost_ = 0;            // what ended the link
  int drain_turns_ = 0;
  unsigned number_ = 0;

  Bytes spill_ = Bytes(kMaxFrameSize);
  Bytes to_say_;
  size_t said_ = 0;
  Deframer deframer_;  // of what was said
  Bytes to_hear_;      // what Send() took
  size_t heard_ = 0;
};

}  // namespace
}  // namespace mayfly::virtio

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mayfly::virtio::Fuzz(mayfly::ByteSource(data, size)).Run();
  return 0;
}
