// Requests on their way while the host makes the disk smaller, and larger again (virtio 1.2,
// 5.2.5): to half of what it was. The host begins when it reads "in flight" on the console.

#include <array>

#include "images/unikernel/console.h"
#include "tests/hostile/guest/attack.h"
#include "tests/hostile/guest/cpus.h"
#include "tests/hostile/guest/flood.h"

namespace mayfly::hostile {
namespace {

constexpr uint32_t kSectors = Disk::kDataBytes / kSectorBytes;  // of a request

void TellTheHost(std::string_view what) {
  guest::Print("{}\n", what);
  std::array<char, 16> line;
  static_cast<void>(guest::ReadLine(line));
}

void ExpectRead(Disk& disk, uint64_t sector, BlockStatus status) {
  Expect(disk.Do(BlockRequestType::kIn, sector, kSectorBytes) == static_cast<uint8_t>(status),
         "a sector can be read if it is there");
}

// `set` makes the request of a flood that lies at a sector.
template <typename Function>
void Resize(Stage& stage, Function set) {
  Disk& disk = stage.victim;
  Expect(disk.Begin(~uint64_t{0}), "the device takes all that it offers");
  const uint64_t end = disk.sectors();
  const uint64_t half = end / 2;
  Flood flood(disk);
  // From right before the new end to the old one, in equal steps.
  const uint64_t first = half - kSectors / 2;
  const uint64_t step = (end - kSectors - first) / (flood.size() - 1);
  for (size_t index = 0; index < flood.size(); ++index) set(flood, index, first + index * step);
  {
    const Meanwhile other([&flood](uint64_t) { flood.Refill(); });
    TellTheHost("in flight");
    ExpectAlive(stage.bystander);
  }
  flood.Drain();
  Expect((disk.registers().Read(virtio::MmioRegister::kInterruptStatus) &
          virtio::kInterruptConfigChange) != 0,
         "an interrupt tells of the new size");
  Expect(disk.Begin(), "the device begins anew");
  Expect(disk.sectors() == half, "the disk is smaller");
  ExpectRead(disk, half - 1, BlockStatus::kOk);
  ExpectRead(disk, half, BlockStatus::kIoError);
  TellTheHost("smaller");
  Expect(disk.sectors() == end, "the disk is larger");
  ExpectRead(disk, half, BlockStatus::kOk);
  ExpectRead(disk, end - 1, BlockStatus::kOk);
  ExpectRead(disk, end, BlockStatus::kIoError);
  SetOutcome("served, or I/O error");
}

void ReadsAcrossANewEnd(Stage& stage) {
  Resize(stage, [](Flood& flood, size_t index, uint64_t sector) {
    flood.Set(index, BlockRequestType::kIn, sector, Disk::kDataBytes);
  });
}

void WritesAcrossANewEnd(Stage& stage) {
  Resize(stage, [](Flood& flood, size_t index, uint64_t sector) {
    flood.Set(index, BlockRequestType::kOut, sector, Disk::kDataBytes);
  });
}

void SegmentsAcrossANewEnd(Stage& stage) {
  Resize(stage, [](Flood& flood, size_t index, uint64_t sector) {
    flood.Set(index, index % 2 == 0 ? BlockRequestType::kDiscard : BlockRequestType::kWriteZeroes,
              {.sector = sector, .sectors = kSectors, .flags = 0});
  });
}

constexpr auto kAttacks = std::to_array<Attack>({
    {"reads_across_a_new_end", ReadsAcrossANewEnd},
    {"writes_across_a_new_end", WritesAcrossANewEnd},
    {"segments_across_a_new_end", SegmentsAcrossANewEnd},
});

}  // namespace

std::span<const Attack> ResizeAttacks() { return kAttacks; }

}  // namespace mayfly::hostile
