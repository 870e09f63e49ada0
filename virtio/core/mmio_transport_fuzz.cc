// Register accesses of any kind, kicks and rings written at will, on a whole block device of two
// queues: the way that a guest sees it. Whatever it does, the status is one that the specification
// knows, and what is no register holds nothing.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/event_loop.h"
#include "base/testing/byte_source.h"
#include "base/testing/fuzz_target.h"
#include "virtio/block/block.h"
#include "virtio/block/testing/memory_backend.h"
#include "virtio/core/mmio_transport.h"
#include "virtio/testing/fuzz_driver.h"
#include "virtio/testing/guest_ram.h"
#include "virtio/testing/mmio_driver.h"

namespace mayfly::virtio {
namespace {

constexpr uint64_t kDiskSize = 32 * kSectorSize;
constexpr uint16_t kQueues = 2;
constexpr std::array<uint64_t, kQueues> kRings = {0x1000, 0x2000};
constexpr size_t kMaxWidth = 8;
// Steps between two turns of the loop, in which kicks are served.
constexpr int kStepsPerTurn = 4;

enum class Action : uint8_t {
  kDrive,
  kRead,
  kWrite,
  kWriteRegister,
  kKick,
  kStart,
  kSetUpQueue,
  kComplete,
  kReset,
  kCount,
};

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

class Fuzz final {
 public:
  explicit Fuzz(ByteSource input) : input_(input) {}

  // The input is worked off on the loop's own thread, a few steps at a time: no other thread, so
  // that an input does the same every time.
  void Run() {
    loop_->Post([this] { Turn(); });
    loop_->Run();
    transport_->Quiesce();
  }

 private:
  std::unique_ptr<MmioTransport> MakeTransport() {
    const bool later = input_.TakeBelow(2) != 0;
    auto backend = std::make_unique<MemoryBackend>(
        kDiskSize, BlockAccess::kReadWrite,
        later ? MemoryBackend::Completion::kLater : MemoryBackend::Completion::kInline);
    backend_ = backend.get();
    MmioTransport::Options options;
    options.name = "fuzzed";
    options.on_event = [this](DeviceEvent, const std::string& text) {
      Require(!text.empty());
      Require(++events_ <= MmioTransport::kMaxEvents);
    };
    auto block =
        Block::Create(std::move(backend), {.serial = "fuzz", .queues = kQueues}, *loop_).value();
    return MmioTransport::Create(std::move(block), memory_, *loop_, std::move(options)).value();
  }

  void Turn() {
    for (int i = 0; i < kStepsPerTurn && !input_.empty(); ++i) {
      Step();
      CheckStatus();
    }
    if (input_.empty()) {
      loop_->Stop();
    } else {
      loop_->Post([this] { Turn(); });
    }
  }

  void Step() {
    switch (static_cast<Action>(input_.TakeBelow(static_cast<uint64_t>(Action::kCount)))) {
      case Action::kRead:
        return Read();
      case Action::kWrite:
        return Write();
      case Action::kWriteRegister:
        return WriteRegister();
      case Action::kKick:
        return transport_->kick(TakeQueue()).Signal();
      case Action::kStart:
        return Start();
      case Action::kSetUpQueue:
        return registers_.SetUpQueue(static_cast<uint16_t>(input_.TakeBelow(kQueues + 1)),
                                     TakeLayout());
      case Action::kComplete:
        if (backend_->waiting() != 0) backend_->CompleteNewest();
        return;
      case Action::kReset:
        return Reset();
      case Action::kDrive:
      case Action::kCount:
        return drivers_.at(TakeQueue()).Step(input_);
    }
  }

  [[nodiscard]] uint16_t TakeQueue() { return static_cast<uint16_t>(input_.TakeBelow(kQueues)); }

  // An access of any width that lies in the window, as the bus sees to.
  [[nodiscard]] std::pair<uint64_t, size_t> TakeAccess() {
    const size_t width = size_t{1} << input_.TakeBelow(4);
    return {input_.TakeBelow(kMmioSize - width + 1), width};
  }

  void Read() {
    const auto [offset, width] = TakeAccess();
    std::array<std::byte, kMaxWidth> bytes{};
    bytes.fill(std::byte{0xee});
    const std::span<std::byte> out = std::span(bytes).first(width);
    transport_->Read(offset, out);
    const bool is_register = width == sizeof(uint32_t) && offset % sizeof(uint32_t) == 0;
    if (offset >= kMmioConfigOffset || is_register) return;
    Require(std::ranges::all_of(out, [](std::byte byte) { return byte == std::byte{0}; }));
  }

  void Write() {
    const auto [offset, width] = TakeAccess();
    transport_->Write(offset, std::as_bytes(input_.TakeBytes(width)));
  }

  void WriteRegister() {
    const auto reg = static_cast<MmioRegister>(input_.TakeBelow(kMmioConfigOffset / 4) * 4);
    const uint32_t value =
        input_.TakeBelow(2) == 0 ? input_.Take<uint8_t>() : input_.Take<uint32_t>();
    registers_.Write(reg, value);
  }

  // Good features, some of them, or any.
  [[nodiscard]] uint64_t TakeFeatures() {
    const uint64_t offered = registers_.OfferedFeatures();
    switch (input_.TakeBelow(4)) {
      case 0:
        return offered;
      case 1:
        return kRingFeatures & ~FeatureBit(static_cast<unsigned>(input_.TakeBelow(30)));
      case 2:
        return kFeatureVersion1 | (offered & input_.Take<uint64_t>());
      default:
        return input_.Take<uint64_t>();
    }
  }

  // A queue's own place, mostly.
  [[nodiscard]] QueueLayout TakeLayout() {
    QueueLayout layout = drivers_.at(TakeQueue()).ring().layout();
    switch (input_.TakeBelow(8)) {
      case 0:
        layout.size = input_.Take<uint32_t>();
        break;
      case 1:
        layout.descriptors = FuzzDriver::TakeAddress(input_);
        break;
      case 2:
        layout.available = FuzzDriver::TakeAddress(input_);
        break;
      case 3:
        layout.used = FuzzDriver::TakeAddress(input_);
        break;
      default:
        break;
    }
    return layout;
  }

  void Start() {
    const uint64_t features = TakeFeatures();
    const bool good =
        (features & ~registers_.OfferedFeatures()) == 0 && (features & kFeatureVersion1) != 0;
    const bool taken = (registers_.Negotiate(features) & kStatusFeaturesOk) != 0;
    Require(taken == good);
    for (uint16_t queue = 0; queue < kQueues; ++queue) {
      registers_.SetUpQueue(queue, drivers_.at(queue).ring().layout());
    }
    const uint32_t status = registers_.AddStatus(kStatusDriverOk);
    Require(((status & kStatusDriverOk) != 0) == good);
    Require((status & kStatusNeedsReset) == 0);
  }

  // After it the device is as it was in the beginning.
  void Reset() {
    registers_.Reset();
    Require(registers_.Read(MmioRegister::kStatus) == 0);
    Require(registers_.Read(MmioRegister::kInterruptStatus) == 0);
    Require(backend_->waiting() == 0);
    for (uint16_t queue = 0; queue < kQueues; ++queue) {
      registers_.Write(MmioRegister::kQueueSel, queue);
      Require(registers_.Read(MmioRegister::kQueueReady) == 0);
      Require(registers_.Read(MmioRegister::kQueueNumMax) == Block::kQueueSize);
    }
  }

  // Each step of initialisation stands on those before it (virtio 1.2, 3.1.1).
  void CheckStatus() const {
    const uint32_t status = registers_.Read(MmioRegister::kStatus);
    constexpr uint32_t kSteps =
        kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk | kStatusDriverOk;
    Require((status & ~(kSteps | kStatusNeedsReset | kStatusFailed)) == 0);
    uint32_t before = kStatusAcknowledge;
    for (const uint32_t step : {kStatusDriver, kStatusFeaturesOk, kStatusDriverOk}) {
      Require((status & step) == 0 || (status & before) != 0);
      before = step;
    }
    Require((status & kStatusNeedsReset) == 0 || (status & kStatusDriverOk) != 0);
  }

  ByteSource input_;
  const GuestMemory memory_ = MakeGuestRam();
  std::array<FuzzDriver, kQueues> drivers_ = {FuzzDriver(memory_, kRings[0]),
                                              FuzzDriver(memory_, kRings[1])};
  unsigned events_ = 0;
  MemoryBackend* backend_ = nullptr;
  const std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  const std::unique_ptr<MmioTransport> transport_ = MakeTransport();
  const MmioDriver registers_{*transport_};
};

}  // namespace
}  // namespace mayfly::virtio

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mayfly::virtio::Fuzz(mayfly::ByteSource(data, size)).Run();
  return 0;
}
