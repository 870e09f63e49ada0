// A block device before a driver that does as the input says. Its backend traps on what must not
// reach one: a range beyond the disk or without bytes, a write where it is read-only.

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "base/event_loop.h"
#include "base/testing/byte_source.h"
#include "base/testing/fuzz_target.h"
#include "virtio/block/block.h"
#include "virtio/block/testing/memory_backend.h"
#include "virtio/testing/fake_host.h"
#include "virtio/testing/fuzz_driver.h"
#include "virtio/testing/guest_ram.h"

namespace mayfly::virtio {
namespace {

constexpr size_t kQueues = 2;
constexpr uint64_t kDiskSectors = 32;
constexpr uint64_t kDiskSize = kDiskSectors * kSectorSize;

// Where Offer() has its buffers, away from the driver's.
constexpr uint64_t kHeader = 0x4000;
constexpr uint64_t kStatus = 0x4800;
constexpr uint64_t kSegments = 0x5000;

constexpr std::array kTypes = {BlockRequestType::kIn,      BlockRequestType::kOut,
                               BlockRequestType::kFlush,   BlockRequestType::kGetId,
                               BlockRequestType::kDiscard, BlockRequestType::kWriteZeroes};

enum class Action : uint8_t {
  kDrive,
  kKick,
  kComplete,
  kReset,
  kReadConfig,
  kError,
  kOffer,
  kWriteConfig,
  kLimit,
  kResize,
  kCount,
};

// One operation in an age, so that all others wait until the limit is lifted: what the input does
// is the same whatever the time.
constexpr RateLimits kAlmostNothing = {.operations = {.per_second = 1, .burst = 1},
                                       .bytes = {.per_second = 1, .burst = uint64_t{1} << 60}};

class Fuzz final {
 public:
  explicit Fuzz(ByteSource input) : input_(input) {
    const auto access = input_.TakeBelow(2) == 0 ? BlockAccess::kReadWrite : BlockAccess::kReadOnly;
    const auto completion = input_.TakeBelow(2) == 0 ? MemoryBackend::Completion::kInline
                                                     : MemoryBackend::Completion::kLater;
    auto backend = std::make_unique<MemoryBackend>(kDiskSize, access, completion);
    backend_ = backend.get();
    block_ =
        Block::Create(std::move(backend), {.serial = "fuzz", .queues = kQueues}, *loop_).value();
    Activate();
  }

  void Run() {
    while (!input_.empty()) Step();
    block_->Reset();
    block_->Shutdown();
  }

 private:
  void Activate() {
    uint64_t features = kRingFeatures | block_->features();
    if ((input_.Take<uint8_t>() & 1U) == 0) features &= input_.Take<uint64_t>();
    features |= kFeatureVersion1;
    for (size_t i = 0; i < kQueues; ++i) {
      const absl::Status activated =
          queues_[i].Activate(memory_, drivers_[i].ring().layout(), Block::kQueueSize, features);
      if (!activated.ok()) __builtin_trap();
    }
    block_->Activate(features, queues_, host_);
    failures_ = host_.failures.size();
  }

  void Reset() {
    block_->Reset();
    if (backend_->waiting() != 0) __builtin_trap();
    Activate();
  }

  // A request of some kind that is well-formed but for what the input chooses.
  void Offer(FuzzDriver& driver) {
    const auto type = kTypes[input_.TakeBelow(kTypes.size())];
    const BlockRequestHeader header = {.type = static_cast<uint32_t>(type),
                                       .reserved = 0,
                                       .sector = input_.TakeBelow(kDiskSectors + 2)};
    const BlockSegment segment = {.sector = input_.TakeBelow(kDiskSectors + 2),
                                  .sectors = input_.Take<uint8_t>(),
                                  .flags = static_cast<uint32_t>(input_.TakeBelow(3))};
    if (!memory_.Store(kHeader, header).ok() || !memory_.Store(kSegments, segment).ok()) {
      __builtin_trap();
    }
    const bool segments =
        type == BlockRequestType::kDiscard || type == BlockRequestType::kWriteZeroes;
    const bool device_writes = type == BlockRequestType::kIn || type == BlockRequestType::kGetId;
    const uint64_t size = input_.TakeBelow(5) * (segments ? sizeof(BlockSegment) : kSectorSize);
    driver.ring().Offer(0, {{kHeader, sizeof header},
                            {kSegments, static_cast<uint32_t>(size), device_writes},
                            {kStatus, 1, true}});
  }

  void Step() {
    const auto queue = static_cast<uint16_t>(input_.TakeBelow(kQueues));
    switch (static_cast<Action>(input_.TakeBelow(static_cast<uint64_t>(Action::kCount)))) {
      case Action::kKick:
        // As the transport: no kicks for a device that has failed.
        if (host_.failures.size() == failures_) block_->OnKick(queue);
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
      case Action::kWriteConfig:
        return block_->WriteConfig(input_.TakeBelow(kBlockConfigSize + 1),
                                   std::as_bytes(input_.TakeBytes(input_.TakeBelow(3))));
      case Action::kError:
        return backend_->FailWith(input_.Take<uint8_t>() % 32);
      case Action::kOffer:
        return Offer(drivers_[queue]);
      case Action::kLimit:
        return block_->UpdateLimits(input_.TakeBelow(2) != 0 ? kAlmostNothing : RateLimits());
      case Action::kResize:
        return Resize();
      case Action::kDrive:
      case Action::kCount:
        return drivers_[queue].Step(input_);
    }
  }

  // Requests that were checked against the capacity before are the backend's business, not ours.
  void Resize() {
    Reset();
    backend_->ResizeTo(input_.TakeBelow(2 * kDiskSectors) * kSectorSize);
    if (!block_->RefreshCapacity().ok()) __builtin_trap();
  }

  ByteSource input_;
  const std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  const GuestMemory memory_ = MakeGuestRam();
  std::array<FuzzDriver, kQueues> drivers_ = {FuzzDriver(memory_, 0x1000),
                                              FuzzDriver(memory_, 0x2000)};
  std::array<Queue, kQueues> queues_;
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
