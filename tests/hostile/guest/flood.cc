#include "tests/hostile/guest/flood.h"

#include <algorithm>

#include "tests/hostile/guest/attack.h"

namespace mayfly::hostile {
namespace {

// Header, data and status.
constexpr size_t kDescriptors = 3;

uint16_t HeadOf(size_t index) { return static_cast<uint16_t>(kDescriptors * index); }
uint16_t DataOf(size_t index) { return static_cast<uint16_t>(HeadOf(index) + 1); }
uint16_t StatusOf(size_t index) { return static_cast<uint16_t>(HeadOf(index) + 2); }

}  // namespace

Flood::Flood(Disk& disk) : disk_(disk), requests_(disk.ring().size() / kDescriptors) {
  for (uint16_t place = 0; place < disk.ring().size(); ++place) {
    disk.ring().SetAvailable(place, HeadOf(place % size()));
  }
}

void Flood::Set(size_t index, BlockRequestType type, uint64_t sector, uint32_t bytes) {
  const uint64_t data = AddressOf(&disk_.request().data);
  Set(index, type, sector,
      type == BlockRequestType::kIn ? FromDevice(data, bytes, StatusOf(index))
                                    : ToDevice(data, bytes, StatusOf(index)));
}

void Flood::Set(size_t index, BlockRequestType type, const virtio::BlockSegment& segment) {
  requests_[index].segment = segment;
  Set(index, type, 0,
      ToDevice(AddressOf(&requests_[index].segment), sizeof segment, StatusOf(index)));
}

void Flood::Set(size_t index, BlockRequestType type, uint64_t sector, RingDescriptor data) {
  Request& request = requests_[index];
  request.header = {.type = static_cast<uint32_t>(type), .reserved = 0, .sector = sector};
  const uint16_t next = data.length != 0 ? DataOf(index) : StatusOf(index);
  disk_.ring().Set(HeadOf(index),
                   ToDevice(AddressOf(&request.header), sizeof request.header, next));
  disk_.ring().Set(DataOf(index), data);
  disk_.ring().Set(StatusOf(index), FromDevice(AddressOf(&request.status), 1));
}

void Flood::Refill() {
  Ring& ring = disk_.ring();
  ring.SetAvailableIndex(static_cast<uint16_t>(ring.used_index() + ring.size()));
  disk_.Kick();
}

size_t Flood::Drain() {
  const Ring& ring = disk_.ring();
  Expect(Await([&] { return ring.used_index() == ring.available_index(); }),
         "the device catches up");
  const auto statuses = [this](BlockStatus status) {
    return static_cast<size_t>(
        std::ranges::count(requests_, static_cast<uint8_t>(status), &Request::status));
  };
  const size_t served = statuses(BlockStatus::kOk);
  Expect(served + statuses(BlockStatus::kIoError) == size(), "every request is answered");
  return served;
}

}  // namespace mayfly::hostile
