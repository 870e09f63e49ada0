#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "virtio/block/block_backend.h"
#include "virtio/block/overlay/overlay_format.h"

namespace mayfly::virtio {

inline constexpr uint64_t kSectorsPerCluster = kOverlayCluster / kSectorSize;
using SectorBytes = std::array<std::byte, kSectorSize>;

// What the sectors of an overlay's disk hold, and what they may hold when its user has died: a few,
// each told from the others, and from itself at other times, by its content.
class SectorModel final {
 public:
  // What a sector holds.
  using Tag = uint8_t;
  static constexpr Tag kZeroTag = 0;
  static constexpr Tag kBaseTag = 0xff;

  // Of the disk, in bytes: two pages of the map, and a last cluster that is cut short.
  static constexpr uint64_t kCapacity = (kClustersPerPage + 8) * kOverlayCluster - 5 * kSectorSize;
  // The sectors that are used, which are counted without a gap: the first, and those from shortly
  // before the second page of the map to the end.
  static constexpr uint64_t kFirstWindow = 6 * kSectorsPerCluster;
  static constexpr uint64_t kSecondBegin = (kClustersPerPage - 4) * kSectorsPerCluster;
  static constexpr uint64_t kSectors = kFirstWindow + kCapacity / kSectorSize - kSecondBegin;
  // The first sector behind the window that `sector` is in.
  [[nodiscard]] static constexpr uint64_t WindowEnd(uint64_t sector) {
    return sector < kFirstWindow ? kFirstWindow : kSectors;
  }
  // Where it is on the disk, in bytes.
  [[nodiscard]] static constexpr uint64_t OffsetOf(uint64_t sector) {
    const uint64_t real = sector < kFirstWindow ? sector : sector - kFirstWindow + kSecondBegin;
    return real * kSectorSize;
  }
  [[nodiscard]] static SectorBytes ContentOf(uint64_t sector, Tag tag);
  // `content`: kSectorSize bytes.
  [[nodiscard]] static bool Holds(const std::byte* content, uint64_t sector, Tag tag);

  // Whether it holds what it should by now.
  [[nodiscard]] bool IsCurrent(const std::byte* content, uint64_t sector) const {
    return Holds(content, sector, sectors_[sector].now);
  }
  // It holds `tag` from now on, and whatever dies.
  enum class Lasting { kNo, kYes };
  void Assign(uint64_t sector, Tag tag, Lasting lasting);
  // It may hold `tag` after a crash.
  void MayHold(uint64_t sector, Tag tag) { sectors_[sector].since.push_back(tag); }

  // A write of [begin, end) is on its way, or no longer.
  void SetInFlight(uint64_t begin, uint64_t end, bool in_flight);
  [[nodiscard]] bool AnyInFlight(uint64_t begin, uint64_t end) const;

  // A flush that began when `before` was the state of things has succeeded.
  void SetFlushed(const SectorModel& before);
  // After a crash: takes what the sector holds for what it does. False where it may not.
  [[nodiscard]] bool Learn(const std::byte* content, uint64_t sector);
  // What all of them hold now has lasted.
  void SetLasting();

 private:
  struct Sector {
    Tag now = kBaseTag;
    Tag flushed = kBaseTag;
    std::vector<Tag> since;  // what else it may hold after a crash
    bool in_flight = false;
  };
  std::vector<Sector> sectors_{kSectors};
};

}  // namespace mayfly::virtio
