#include "virtio/block/overlay/testing/sector_model.h"

#include <algorithm>
#include <cstring>

namespace mayfly::virtio {

SectorBytes SectorModel::ContentOf(uint64_t sector, Tag tag) {
  SectorBytes bytes{};
  if (tag == kZeroTag) return bytes;
  for (size_t at = 0; at < bytes.size(); at += sizeof(uint64_t)) {
    const uint64_t word = uint64_t{tag} << 56 | sector << 16 | at;
    std::memcpy(bytes.data() + at, &word, sizeof word);
  }
  return bytes;
}

// Not operator==, which the fuzzer's instrumentation makes a call for each byte.
bool SectorModel::Holds(const std::byte* content, uint64_t sector, Tag tag) {
  const SectorBytes expected = ContentOf(sector, tag);
  return std::memcmp(content, expected.data(), expected.size()) == 0;
}

void SectorModel::Assign(uint64_t sector, Tag tag, Lasting lasting) {
  Sector& changed = sectors_[sector];
  changed.now = tag;
  if (lasting == Lasting::kYes) {
    changed.flushed = tag;
    changed.since.clear();
  } else {
    changed.since.push_back(tag);
  }
}

void SectorModel::SetInFlight(uint64_t begin, uint64_t end, bool in_flight) {
  for (uint64_t at = begin; at < end; ++at) sectors_[at].in_flight = in_flight;
}

bool SectorModel::AnyInFlight(uint64_t begin, uint64_t end) const {
  return std::ranges::any_of(std::span(sectors_).subspan(begin, end - begin),
                             [](const Sector& sector) { return sector.in_flight; });
}

void SectorModel::SetFlushed(const SectorModel& before) {
  for (uint64_t at = 0; at < kSectors; ++at) {
    if (before.sectors_[at].in_flight) continue;
    sectors_[at].flushed = sectors_[at].now;
    sectors_[at].since.clear();
  }
}

bool SectorModel::Learn(const std::byte* content, uint64_t sector) {
  Sector& learned = sectors_[sector];
  const auto is = [&](Tag tag) { return Holds(content, sector, tag); };
  if (is(learned.flushed)) {
    learned.now = learned.flushed;
    return true;
  }
  const auto found = std::ranges::find_if(learned.since, is);
  if (found == learned.since.end()) return false;
  learned.now = *found;
  return true;
}

void SectorModel::SetLasting() {
  for (Sector& sector : sectors_) {
    sector.flushed = sector.now;
    sector.since.clear();
  }
}

}  // namespace mayfly::virtio
