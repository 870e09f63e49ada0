// A block device before a driver that does as the input says. Its backend traps on what must not
// reach one: a range beyond the disk, a write where it is read-only.

#include <cstdint>
#include <memory>
#include <span>

#include "base/testing/byte_source.h"
#include "base/testing/fuzz_target.h"
#include "virtio/block.h"
#include "virtio/testing/fake_host.h"
#include "virtio/testing/fuzz_driver.h"
#include "virtio/testing/guest_ram.h"
#include "virtio/testing/memory_backend.h"

namespace mayfly::virtio {
namespace {

constexpr uint64_t kDiskSize = 32 * kSectorSize;

enum class Action : uint8_t { kDrive, kKick, kComplete, kReset, kReadConfig, kError, kCount };

class Fuzz final {
 public:
  explicit Fuzz(ByteSource input) : input_(input) {
    const auto access = input_.TakeBelow(2) == 0 ? BlockAccess::kReadWrite : BlockAccess::kReadOnly;
    const auto completion = input_.TakeBelow(2) == 0 ? MemoryBackend::Completion::kInline
                                                     : MemoryBackend::Completion::kLater;
    auto backend = std::make_unique<MemoryBackend>(kDiskSize, access, completion);
    backend_ = backend.get();
    block_ = std::make_unique<Block>(std::move(backend), "fuzz");
    Activate();
  }

  void Run() {
    while (!input_.empty()) Step();
    block_->Reset();
    block_->Shutdown();
  }

 private:
  void Activate() {
    const auto features =
        (input_.Take<uint8_t>() & 1U) != 0 ? kRingFeatures | kBlockFeatureFlush : kFeatureVersion1;
    const absl::Status activated =
        queue_.Activate(memory_, driver_.ring().layout(), Block::kQueueSize, features);
    if (!activated.ok()) __builtin_trap();
    block_->Activate(features, std::span(&queue_, 1), host_);
    failures_ = host_.failures.size();
  }

  void Reset() {
    block_->Reset();
    if (backend_->waiting() != 0) __builtin_trap();
    Activate();
  }

  void Step() {
    switch (static_cast<Action>(input_.TakeBelow(static_cast<uint64_t>(Action::kCount)))) {
      case Action::kKick:
        // As the transport: no kicks for a device that has failed.
        if (host_.failures.size() == failures_) block_->OnKick(0);
        return;
      case Action::kComplete:
        if (backend_->waiting() != 0) backend_->CompleteNewest();
        return;
      case Action::kReset:
        return Reset();
      case Action::kReadConfig: {
        std::array<std::byte, 8> out{};
        return block_->ReadConfig(input_.Take<uint8_t>(), out);
      }
      case Action::kError:
        return backend_->FailWith(input_.Take<uint8_t>() % 32);
      case Action::kDrive:
      case Action::kCount:
        return driver_.Step(input_);
    }
  }

  ByteSource input_;
  const GuestMemory memory_ = MakeGuestRam();
  FuzzDriver driver_{memory_, 0x1000};
  Queue queue_;
  FakeHost host_;
  size_t failures_ = 0;
  MemoryBackend* backend_ = nullptr;
  std::unique_ptr<Block> block_;
};

}  // namespace
}  // namespace mayfly::virtio

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mayfly::virtio::Fuzz(mayfly::ByteSource(data, size)).Run();
  return 0;
}
