#include "virtio/testing/fuzz_driver.h"

#include <span>

#include "virtio/protocol/block_protocol.h"
#include "virtio/testing/guest_ram.h"

namespace mayfly::virtio {
namespace {

// Where well-meant buffers and tables lie: few places, so that they overlap.
constexpr uint64_t kHeader = 0x8000;
constexpr uint64_t kStatus = 0x8100;
constexpr uint64_t kTable = 0x9000;
constexpr uint64_t kData = 0xa000;
constexpr uint64_t kNearby = 64;  // bytes around an edge

enum class Action : uint8_t {
  kSetDescriptor,
  kSetIndirect,
  kMakeAvailable,
  kSetAvailableIndex,
  kSetAvailableFlags,
  kSetUsedEvent,
  kOfferIndirect,
  kOfferBlockRequest,
  kWriteMemory,
  kCount,
};

}  // namespace

uint64_t FuzzDriver::TakeAddress(ByteSource& input) {
  switch (input.TakeBelow(6)) {
    case 0:
      return kTable + input.TakeBelow(kNearby) * kDescriptorSize;
    case 1:
      return kData + input.Take<uint16_t>();
    case 2:
      return kHole - kNearby + input.TakeBelow(2 * kNearby);
    case 3:
      return kHighRam.address + input.Take<uint16_t>();
    case 4:
      return kRamEnd - kNearby + input.TakeBelow(2 * kNearby);
    default:
      return input.Take<uint64_t>();
  }
}

uint32_t FuzzDriver::TakeLength(ByteSource& input) {
  switch (input.TakeBelow(4)) {
    case 0:
      return input.Take<uint8_t>();
    case 1:
      return static_cast<uint32_t>(input.TakeBelow(32) * kDescriptorSize);
    case 2:
      return static_cast<uint32_t>(input.TakeBelow(8) * 512);
    default:
      return input.Take<uint32_t>();
  }
}

RingDescriptor FuzzDriver::TakeDescriptor(ByteSource& input) {
  RingDescriptor descriptor;
  descriptor.address = TakeAddress(input);
  descriptor.length = TakeLength(input);
  descriptor.flags = input.Take<uint8_t>();
  descriptor.next = static_cast<uint16_t>(input.TakeBelow(kQueueSize + 2));
  return descriptor;
}

void FuzzDriver::OfferBlockRequest(ByteSource& input) {
  const BlockRequestHeader header = {
      .type = input.Take<uint8_t>(), .reserved = 0, .sector = input.Take<uint8_t>()};
  if (!memory_.Store(kHeader, header).ok()) __builtin_trap();
  const auto head = static_cast<uint16_t>(input.TakeBelow(kQueueSize - 2));
  const bool writable = input.TakeBelow(2) != 0;
  ring_.Offer(head, {{kHeader, sizeof header},
                     {TakeAddress(input), TakeLength(input), writable},
                     {kStatus, 1, true}});
}

void FuzzDriver::Step(ByteSource& input) {
  const auto index = static_cast<uint16_t>(input.TakeBelow(kQueueSize));
  switch (static_cast<Action>(input.TakeBelow(static_cast<uint64_t>(Action::kCount)))) {
    case Action::kSetDescriptor:
      return ring_.SetDescriptor(index, TakeDescriptor(input));
    case Action::kSetIndirect:
      return ring_.SetIndirect(kTable, index, TakeDescriptor(input));
    case Action::kMakeAvailable:
      return ring_.MakeAvailable(input.TakeBelow(8) == 0 ? input.Take<uint16_t>() : index);
    case Action::kSetAvailableIndex:
      return ring_.SetAvailableIndex(input.Take<uint16_t>());
    case Action::kSetAvailableFlags:
      return ring_.SetAvailableFlags(input.Take<uint16_t>());
    case Action::kSetUsedEvent:
      return ring_.SetUsedEvent(input.Take<uint16_t>());
    case Action::kOfferIndirect:
      return ring_.OfferIndirect(
          index, kTable + input.TakeBelow(kNearby),
          {{TakeAddress(input), TakeLength(input)}, {TakeAddress(input), TakeLength(input), true}});
    case Action::kOfferBlockRequest:
      return OfferBlockRequest(input);
    case Action::kWriteMemory:
    case Action::kCount:
      break;
  }
  const uint64_t address = TakeAddress(input);
  const auto bytes = std::as_bytes(input.TakeBytes(input.TakeBelow(kNearby)));
  // Most addresses are not RAM, and then nothing is to be written.
  [[maybe_unused]] const absl::Status written = memory_.Write(address, bytes);
}

}  // namespace mayfly::virtio
