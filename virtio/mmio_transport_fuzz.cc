// Register accesses of any kind, kicks and a ring written at will, on a whole block device: the way
// that a guest sees it.

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/event_loop.h"
#include "base/testing/byte_source.h"
#include "base/testing/fuzz_target.h"
#include "virtio/block.h"
#include "virtio/mmio_transport.h"
#include "virtio/testing/fuzz_driver.h"
#include "virtio/testing/guest_ram.h"
#include "virtio/testing/memory_backend.h"
#include "virtio/testing/mmio_driver.h"

namespace mayfly::virtio {
namespace {

constexpr uint64_t kDiskSize = 32 * kSectorSize;
constexpr size_t kMaxWidth = 8;
// Steps between two turns of the loop, in which kicks are served.
constexpr int kStepsPerTurn = 4;

enum class Action : uint8_t { kDrive, kRead, kWrite, kWriteRegister, kKick, kStart, kCount };

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
    auto backend = std::make_unique<MemoryBackend>(kDiskSize, BlockAccess::kReadWrite,
                                                   MemoryBackend::Completion::kInline);
    MmioTransport::Options options;
    options.name = "fuzzed";
    options.on_event = [this](const std::string& text) { told_ += text.size(); };
    return MmioTransport::Create(std::make_unique<Block>(std::move(backend), "fuzz"), memory_,
                                 *loop_, std::move(options))
        .value();
  }

  void Turn() {
    for (int i = 0; i < kStepsPerTurn && !input_.empty(); ++i) Step();
    if (input_.empty()) {
      loop_->Stop();
    } else {
      loop_->Post([this] { Turn(); });
    }
  }

  void Step() {
    switch (static_cast<Action>(input_.TakeBelow(static_cast<uint64_t>(Action::kCount)))) {
      case Action::kRead: {
        std::array<std::byte, kMaxWidth> out{};
        const uint64_t offset = input_.TakeBelow(kMmioSize - kMaxWidth);
        return transport_->Read(offset, std::span(out).first(size_t{1} << input_.TakeBelow(4)));
      }
      case Action::kWrite: {
        const uint64_t offset = input_.TakeBelow(kMmioSize - kMaxWidth);
        return transport_->Write(offset,
                                 std::as_bytes(input_.TakeBytes(size_t{1} << input_.TakeBelow(4))));
      }
      case Action::kWriteRegister: {
        const auto reg = static_cast<MmioRegister>(input_.TakeBelow(kMmioConfigOffset / 4) * 4);
        const uint32_t value =
            input_.TakeBelow(2) == 0 ? input_.Take<uint8_t>() : input_.Take<uint32_t>();
        return registers_.Write(reg, value);
      }
      case Action::kKick:
        return transport_->kick(0).Signal();
      case Action::kStart:
        registers_.Start(kRingFeatures & ~FeatureBit(static_cast<unsigned>(input_.TakeBelow(30))),
                         driver_.ring().layout());
        return;
      case Action::kDrive:
      case Action::kCount:
        return driver_.Step(input_);
    }
  }

  ByteSource input_;
  const GuestMemory memory_ = MakeGuestRam();
  FuzzDriver driver_{memory_, 0x1000};
  size_t told_ = 0;
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
