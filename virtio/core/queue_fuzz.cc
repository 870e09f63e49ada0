// A driver that writes its ring as the input says, while the device pops and pushes. Whatever it
// does, each piece of a chain is guest memory, and a chain is no longer than the queue.

#include <cstdint>
#include <vector>

#include "base/testing/byte_source.h"
#include "base/testing/fuzz_target.h"
#include "virtio/core/queue.h"
#include "virtio/protocol/features.h"
#include "virtio/testing/fuzz_driver.h"
#include "virtio/testing/guest_ram.h"

namespace mayfly::virtio {
namespace {

enum class Action : uint8_t { kDrive, kPop, kPush, kPublish, kEnable, kDisable, kActivate, kCount };

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

class Fuzz final {
 public:
  explicit Fuzz(ByteSource input) : input_(input) { Activate(); }

  void Run() {
    while (!input_.empty()) Step();
  }

 private:
  void Activate() {
    QueueLayout layout = driver_.ring().layout();
    if (input_.TakeBelow(8) == 0) {
      layout.size = input_.Take<uint32_t>();
      layout.descriptors = FuzzDriver::TakeAddress(input_);
      layout.available = FuzzDriver::TakeAddress(input_);
      layout.used = FuzzDriver::TakeAddress(input_);
    }
    const absl::Status activated =
        queue_.Activate(memory_, layout, kMaxQueueSize, input_.Take<uint64_t>());
    Require(activated.ok() == queue_.active());
    in_flight_.clear();
  }

  void CheckPieces(Buffers& buffers) const {
    uint64_t size = 0;
    for (const iovec& piece : buffers.pieces()) {
      Require(piece.iov_len != 0);
      Require(IsGuestMemory(static_cast<const std::byte*>(piece.iov_base), piece.iov_len));
      size += piece.iov_len;
    }
    Require(size == buffers.size());
  }

  [[nodiscard]] bool IsGuestMemory(const std::byte* begin, size_t size) const {
    for (const GuestMemory::Region& region : memory_.regions()) {
      const auto offset =
          reinterpret_cast<uintptr_t>(begin) - reinterpret_cast<uintptr_t>(region.host);
      if (offset < region.range.size && size <= region.range.size - offset) return true;
    }
    return false;
  }

  void Pop() {
    const bool was_broken = queue_.broken();
    const absl::StatusOr<bool> popped = queue_.Pop(chain_);
    Require(!was_broken || (popped.ok() && !*popped));
    Require(popped.ok() != (queue_.broken() && !was_broken));
    if (!popped.ok() || !*popped) return;
    Require(chain_.head < queue_.size());
    Require(chain_.readable.pieces().size() + chain_.writable.pieces().size() <= queue_.size());
    CheckPieces(chain_.readable);
    CheckPieces(chain_.writable);
    in_flight_.push_back(chain_.head);
    Require(in_flight_.size() <= queue_.size());
  }

  void Push() {
    if (in_flight_.empty()) return;
    queue_.Push(in_flight_.back(), input_.Take<uint32_t>());
    in_flight_.pop_back();
  }

  void Step() {
    switch (static_cast<Action>(input_.TakeBelow(static_cast<uint64_t>(Action::kCount)))) {
      case Action::kPop:
        return Pop();
      case Action::kPush:
        return Push();
      case Action::kPublish:
        wants_interrupt_ = queue_.Publish();
        return;
      case Action::kEnable:
        may_sleep_ = queue_.EnableNotifications();
        return;
      case Action::kDisable:
        return queue_.DisableNotifications();
      case Action::kActivate:
        return Activate();
      case Action::kDrive:
      case Action::kCount:
        return driver_.Step(input_);
    }
  }

  ByteSource input_;
  const GuestMemory memory_ = MakeGuestRam();
  FuzzDriver driver_{memory_, 0x1000};
  Queue queue_;
  Chain chain_;
  std::vector<uint16_t> in_flight_;
  bool wants_interrupt_ = false;
  bool may_sleep_ = false;
};

}  // namespace
}  // namespace mayfly::virtio

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mayfly::virtio::Fuzz(mayfly::ByteSource(data, size)).Run();
  return 0;
}
