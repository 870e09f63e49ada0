#pragma once

#include <cstdint>

// What the guest disk_writer writes, in which order, so that the host can tell what must be on the
// disk: batches of writes, all on their way at once, and a flush behind each batch. Nothing is
// random: round, batch and write say it all.

namespace mayfly::testing {

inline constexpr uint64_t kWritesPerBatch = 8;
inline constexpr uint64_t kMostSectorsPerWrite = 24;
inline constexpr uint64_t kSectorWords = 512 / sizeof(uint64_t);

struct ScheduledWrite {
  uint64_t sector = 0;   // the first
  uint64_t sectors = 0;  // at least one
};

// Spreads the bits of a number over all 64 (the finaliser of splitmix64).
[[nodiscard]] constexpr uint64_t Mix(uint64_t number) {
  number += 0x9e37'79b9'7f4a'7c15;
  number = (number ^ number >> 30) * 0xbf58'476d'1ce4'e5b9;
  number = (number ^ number >> 27) * 0x94d0'49bb'1331'11eb;
  return number ^ number >> 31;
}

// The `index`th write of a batch lies in the `index`th part of the disk: those of one batch never
// meet, as nobody could say which of two was last. `disk_sectors`: at least
// kWritesPerBatch * kMostSectorsPerWrite.
[[nodiscard]] constexpr ScheduledWrite WriteOf(uint64_t round, uint64_t batch, uint64_t index,
                                               uint64_t disk_sectors) {
  const uint64_t part = disk_sectors / kWritesPerBatch;
  const uint64_t choice = Mix(Mix(Mix(round) + batch) + index);
  const uint64_t sectors = 1 + choice % kMostSectorsPerWrite;
  return {.sector = index * part + (choice >> 8) % (part - sectors + 1), .sectors = sectors};
}

// All words of `sector`, as a batch writes it; never 0. Batches are counted from 1.
[[nodiscard]] constexpr uint64_t SectorWord(uint64_t round, uint64_t batch, uint64_t sector) {
  return round << 48 | batch << 24 | sector;
}

}  // namespace mayfly::testing
