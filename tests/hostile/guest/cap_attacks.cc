// A disk that takes a part of what can be written to it, up to a cap: against the cap and away from
// it, again and again. What is discarded can be used again, all of it.

#include <array>
#include <cstring>

#include "tests/hostile/guest/attack.h"
#include "tests/hostile/guest/cpus.h"
#include "tests/hostile/guest/flood.h"

namespace mayfly::hostile {
namespace {

constexpr uint32_t kClusterBytes = 4096;
constexpr uint32_t kClusterSectors = kClusterBytes / kSectorBytes;
constexpr int kRounds = 20;
constexpr std::chrono::milliseconds kStorm{300};

constexpr auto kOk = static_cast<uint8_t>(BlockStatus::kOk);
constexpr auto kIoError = static_cast<uint8_t>(BlockStatus::kIoError);

// Those of the disk but for the first and the last one, which Disk::Reads() looks at.
uint64_t Clusters(const Disk& disk) { return disk.sectors() / kClusterSectors - 2; }
uint64_t SectorOf(uint64_t cluster) { return (cluster + 1) * kClusterSectors; }

void BeginWithDiscard(Disk& disk) {
  Expect((disk.registers().OfferedFeatures() & virtio::kBlockFeatureDiscard) != 0,
         "the disk can discard");
  Expect(disk.Begin(~uint64_t{0}), "the device takes all that it offers");
}

void Discard(Disk& disk, uint64_t clusters) {
  Expect(disk.Do(BlockRequestType::kDiscard,
                 {.sector = SectorOf(0),
                  .sectors = static_cast<uint32_t>(clusters * kClusterSectors),
                  .flags = 0}) == kOk,
         "a discard frees");
}

// Writes `bytes` into each cluster until one is refused; returns how many were not.
uint64_t FillUp(Disk& disk, uint32_t bytes) {
  disk.request().data.fill(std::byte{0xca});
  for (uint64_t cluster = 0; cluster < Clusters(disk); ++cluster) {
    const std::optional<uint8_t> answer = disk.Do(BlockRequestType::kOut, SectorOf(cluster), bytes);
    if (answer == kOk) continue;
    Expect(answer == kIoError, "what does not fit is an I/O error");
    return cluster;
  }
  Expect(false, "there is a cap");
  return 0;
}

uint64_t FirstWord(Disk& disk, uint64_t sector) {
  Expect(disk.Do(BlockRequestType::kIn, sector, kSectorBytes) == kOk, "it can be read");
  uint64_t word = 0;
  std::memcpy(&word, disk.request().data.data(), sizeof word);
  return word;
}

void FillUpAgainAndAgain(Stage& stage, uint32_t bytes) {
  constexpr uint64_t kWritten = 0xcaca'caca'caca'caca;
  Disk& disk = stage.victim;
  BeginWithDiscard(disk);
  const uint64_t fit = FillUp(disk, bytes);
  Expect(fit != 0, "something fits");
  Expect(FirstWord(disk, SectorOf(fit - 1)) == kWritten, "what was written is there");
  Expect(FirstWord(disk, SectorOf(fit)) == SectorOf(fit), "what was refused changed nothing");
  for (int round = 0; round < kRounds; ++round) {
    Discard(disk, fit);
    Expect(FirstWord(disk, SectorOf(fit - 1)) == 0, "what was discarded is zero");
    Expect(FillUp(disk, bytes) == fit, "as much fits as before");
    ExpectAlive(stage.bystander);
  }
  Discard(disk, fit);
  SetOutcome("I/O error");
  ExpectAlive(disk);
}

void FillsAndDiscards(Stage& stage) { FillUpAgainAndAgain(stage, kClusterBytes); }
// Each takes a whole cluster, which has to be filled from the base.
void SectorsAndDiscards(Stage& stage) { FillUpAgainAndAgain(stage, kSectorBytes); }

// Everything at once: writes of all sizes, discards and zeroes of whole clusters and of parts,
// and flushes.
void StormAtTheCap(Stage& stage) {
  Disk& disk = stage.victim;
  BeginWithDiscard(disk);
  const uint64_t fit = FillUp(disk, kClusterBytes);
  const uint64_t clusters = Clusters(disk);
  {
    Flood flood(disk);
    for (size_t index = 0; index < flood.size(); ++index) {
      const uint64_t cluster = index * 37 % (clusters - Disk::kDataBytes / kClusterBytes);
      const uint64_t sector = SectorOf(cluster) + index % 3;
      const auto count = static_cast<uint32_t>(kClusterSectors + index % 5);
      switch (index % 8) {
        case 0:
          flood.Set(index, BlockRequestType::kDiscard, {.sector = sector, .sectors = count});
          break;
        case 1:
          flood.Set(index, BlockRequestType::kWriteZeroes, {.sector = sector, .sectors = count});
          break;
        case 2:
          flood.Set(index, BlockRequestType::kWriteZeroes,
                    {.sector = sector, .sectors = count, .flags = virtio::kBlockSegmentUnmap});
          break;
        case 3:
          flood.Set(index, BlockRequestType::kFlush, 0, 0);
          break;
        case 4:
          flood.Set(index, BlockRequestType::kIn, sector, Disk::kDataBytes);
          break;
        default:
          flood.Set(index, BlockRequestType::kOut, sector,
                    index % 2 == 0 ? count * kSectorBytes : uint32_t{Disk::kDataBytes} / 2);
          break;
      }
    }
    const std::chrono::nanoseconds deadline = guest::Now() + 2 * kStorm;
    while (guest::Now() < deadline) flood.Refill();
    Expect(flood.Drain() != 0, "something is served");
  }
  ExpectAlive(stage.bystander);
  Expect(disk.Begin(~uint64_t{0}), "the device begins anew");
  Discard(disk, clusters);
  Expect(FillUp(disk, kClusterBytes) == fit, "as much fits as before");
  Discard(disk, clusters);
  SetOutcome("served, or I/O error");
  ExpectAlive(disk);
}

constexpr auto kAttacks = std::to_array<Attack>({
    {"fills_and_discards", FillsAndDiscards},
    {"sectors_and_discards", SectorsAndDiscards},
    {"storm_at_the_cap", StormAtTheCap},
});

}  // namespace

std::span<const Attack> CapAttacks() { return kAttacks; }

}  // namespace mayfly::hostile
