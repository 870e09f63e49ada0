#include "tests/hostile/guest/disk.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "tests/hostile/guest/expect.h"

namespace mayfly::hostile {
namespace {

using virtio::kDescriptorNext;
using virtio::kDescriptorWrite;

constexpr unsigned kNumberShift = 32;

uint16_t RingSize(const Registers& registers) {
  return static_cast<uint16_t>(std::min<uint32_t>(registers.QueueLimit(0), Ring::kMaxSize));
}

bool DeviceWrites(BlockRequestType type) {
  return type == BlockRequestType::kIn || type == BlockRequestType::kGetId;
}

}  // namespace

Disk::Disk(Registers registers, uint32_t number)
    : registers_(registers),
      number_(number),
      ring_(RingSize(registers)),
      request_(std::make_unique<Request>()) {}

uint64_t Disk::sectors() const {
  return registers_.ReadAt<uint32_t>(virtio::kMmioConfigOffset) |
         uint64_t{registers_.ReadAt<uint32_t>(virtio::kMmioConfigOffset + sizeof(uint32_t))}
             << kNumberShift;
}

bool Disk::needs_reset() const { return (registers_.status() & virtio::kStatusNeedsReset) != 0; }

uint32_t Disk::BeginAt(const QueuePlace& place, uint64_t features) {
  registers_.Negotiate(registers_.OfferedFeatures() & features);
  ring_.Clear();
  seen_used_ = 0;
  registers_.SetUpQueue(0, place);
  return registers_.AddStatus(virtio::kStatusDriverOk);
}

bool Disk::Begin(uint64_t features) {
  const uint32_t status = BeginAt(ring_.place(), features);
  return (status & (virtio::kStatusDriverOk | virtio::kStatusNeedsReset)) ==
         virtio::kStatusDriverOk;
}

void Disk::Describe(uint16_t first, BlockRequestType type, uint64_t sector, uint32_t bytes) {
  request_->header = {.type = static_cast<uint32_t>(type), .reserved = 0, .sector = sector};
  request_->status = kNoStatus;
  const auto direction = DeviceWrites(type) ? kDescriptorWrite : uint16_t{0};
  const auto second = static_cast<uint16_t>(first + 1);
  const auto third = static_cast<uint16_t>(first + 2);
  ring_.Set(first, {.address = AddressOf(&request_->header),
                    .length = sizeof(BlockRequestHeader),
                    .flags = kDescriptorNext,
                    .next = bytes == 0 ? third : second});
  ring_.Set(second, {.address = AddressOf(&request_->data),
                     .length = bytes,
                     .flags = static_cast<uint16_t>(kDescriptorNext | direction),
                     .next = third});
  ring_.Set(
      third,
      {.address = AddressOf(&request_->status), .length = 1, .flags = kDescriptorWrite, .next = 0});
}

std::optional<uint8_t> Disk::Do(BlockRequestType type, uint64_t sector, uint32_t bytes) {
  Describe(0, type, sector, bytes);
  ring_.Offer(0);
  Kick();
  if (!AwaitUsed(1)) return std::nullopt;
  return std::atomic_ref(request_->status).load(std::memory_order_acquire);
}

std::optional<uint8_t> Disk::Do(BlockRequestType type, const virtio::BlockSegment& segment) {
  std::memcpy(request_->data.data(), &segment, sizeof segment);
  return Do(type, 0, sizeof segment);
}

bool Disk::AwaitUsed(uint16_t count) {
  const bool came =
      Await([&] { return static_cast<uint16_t>(ring_.used_index() - seen_used_) >= count; });
  if (came) seen_used_ = static_cast<uint16_t>(seen_used_ + count);
  return came;
}

bool Disk::AwaitNeedsReset() const {
  return Await([this] { return needs_reset(); });
}

bool Disk::Holds(size_t word_count, uint64_t word) const {
  for (size_t index = 0; index < word_count; ++index) {
    uint64_t found = 0;
    std::memcpy(&found, request_->data.data() + index * sizeof found, sizeof found);
    if (found != word) return false;
  }
  return true;
}

bool Disk::Reads() {
  const uint64_t last = sectors() - 1;
  for (const uint64_t sector : {uint64_t{0}, uint64_t{5}, last}) {
    request_->data.fill(std::byte{0xcc});
    if (Do(BlockRequestType::kIn, sector, kSectorBytes) != uint8_t{0}) return false;
    if (!Holds(kSectorBytes / sizeof(uint64_t), sector | uint64_t{number_} << kNumberShift)) {
      return false;
    }
  }
  return true;
}

bool Disk::Writes() {
  constexpr size_t kWords = kSectorBytes / sizeof(uint64_t);
  for (size_t index = 0; index < kWords; ++index) {
    std::memcpy(request_->data.data() + index * sizeof(uint64_t), &kWrittenWord,
                sizeof kWrittenWord);
  }
  if (Do(BlockRequestType::kOut, kWrittenSector, kSectorBytes) != uint8_t{0}) return false;
  if (Do(BlockRequestType::kFlush, 0, 0) != uint8_t{0}) return false;
  request_->data.fill(std::byte{0});
  return Do(BlockRequestType::kIn, kWrittenSector, kSectorBytes) == uint8_t{0} &&
         Holds(kWords, kWrittenWord);
}

}  // namespace mayfly::hostile
