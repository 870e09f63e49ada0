#include "virtio/block/overlay/overlay_map.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::virtio {
namespace {

constexpr uint64_t kClustersPerWord = 64 / kClusterStateBits;
// The low bit of every cluster in a word.
constexpr uint64_t kLowBits = 0x5555'5555'5555'5555;
constexpr uint64_t kAll = ~uint64_t{0};
constexpr size_t kHostPage = 4096;

constexpr uint64_t WordOf(uint64_t cluster) { return cluster / kClustersPerWord; }
constexpr unsigned ShiftOf(uint64_t cluster) {
  return static_cast<unsigned>(cluster % kClustersPerWord) * kClusterStateBits;
}
constexpr uint64_t PageOf(uint64_t cluster) { return cluster / kClustersPerPage; }
// A word of clusters that are all in `state`.
constexpr uint64_t Repeated(ClusterState state) { return kLowBits * static_cast<uint64_t>(state); }
// The bits of the clusters in the word `index` that are in [begin, end).
constexpr uint64_t MaskOf(uint64_t index, uint64_t begin, uint64_t end) {
  const uint64_t low = index == WordOf(begin) ? kAll << ShiftOf(begin) : kAll;
  const bool cut = index == WordOf(end);
  return cut ? low & ~(kAll << ShiftOf(end)) : low;
}
// kData is the low bit alone.
constexpr uint64_t CountData(uint64_t word) {
  return static_cast<uint64_t>(std::popcount(word & kLowBits));
}

}  // namespace

absl::StatusOr<OverlayMap> OverlayMap::Create(uint64_t clusters) {
  const uint64_t bytes = OverlayLayout::MapPages(clusters) * kOverlayPage;
  absl::StatusOr<Mapping> words = Mapping::Anonymous(bytes, kHostPage);
  if (!words.ok()) return Annotate(words.status(), "reserving memory for an overlay's map");
  return OverlayMap(clusters, *std::move(words));
}

OverlayMap::OverlayMap(uint64_t clusters, Mapping words)
    : clusters_(clusters),
      words_(std::move(words)),
      page_used_(OverlayLayout::MapPages(clusters)),
      page_dirty_(OverlayLayout::MapPages(clusters)) {}

std::span<uint64_t> OverlayMap::words() const {
  return {reinterpret_cast<uint64_t*>(words_.data()), words_.size() / sizeof(uint64_t)};
}

std::span<std::byte> OverlayMap::page(uint64_t page) const {
  return words_.bytes().subspan(page * kOverlayPage, kOverlayPage);
}

OverlayMap::Run OverlayMap::RunAt(uint64_t begin, uint64_t end) const {
  Run run;
  if (page_used_[PageOf(begin)]) {
    run.state = static_cast<ClusterState>(words()[WordOf(begin)] >> ShiftOf(begin) & 3U);
  }
  for (run.end = begin; run.end < end;) {
    if (!page_used_[PageOf(run.end)]) {
      if (run.state != ClusterState::kBase) return run;
      run.end = std::min(end, (PageOf(run.end) + 1) * kClustersPerPage);
      continue;
    }
    const uint64_t others =
        (words()[WordOf(run.end)] ^ Repeated(run.state)) >> ShiftOf(run.end) << ShiftOf(run.end);
    const uint64_t word_begin = run.end / kClustersPerWord * kClustersPerWord;
    if (others != 0) {
      const auto first = static_cast<unsigned>(std::countr_zero(others)) / kClusterStateBits;
      run.end = std::min(end, word_begin + first);
      return run;
    }
    run.end = std::min(end, word_begin + kClustersPerWord);
  }
  return run;
}

bool OverlayMap::SetWord(uint64_t index, uint64_t mask, ClusterState state) {
  uint64_t& word = words()[index];
  const uint64_t changed = (word & ~mask) | (Repeated(state) & mask);
  if (changed == word) return false;
  data_clusters_ -= CountData(word & mask);
  data_clusters_ += CountData(changed & mask);
  word = changed;
  return true;
}

void OverlayMap::Set(uint64_t begin, uint64_t end, ClusterState state) {
  while (begin < end) {
    const uint64_t page = PageOf(begin);
    const uint64_t page_end = std::min(end, (page + 1) * kClustersPerPage);
    bool changed = false;
    for (uint64_t index = WordOf(begin); index <= WordOf(page_end - 1); ++index) {
      changed |= SetWord(index, MaskOf(index, begin, page_end), state);
    }
    if (changed && !page_used_[page]) {
      page_used_[page] = true;
      ++used_pages_;
    }
    if (changed && !page_dirty_[page]) {
      page_dirty_[page] = true;
      dirty_pages_.push_back(page);
    }
    begin = page_end;
  }
}

uint64_t OverlayMap::GrowthBySetting(uint64_t begin, uint64_t end, ClusterState state) const {
  uint64_t growth = 0;
  for (uint64_t page = PageOf(begin); page <= PageOf(end - 1); ++page) {
    if (!page_used_[page]) growth += kOverlayPage;
  }
  if (state != ClusterState::kData) return growth;
  while (begin < end) {
    const Run run = RunAt(begin, end);
    if (run.state != ClusterState::kData) growth += (run.end - begin) * kOverlayCluster;
    begin = run.end;
  }
  return growth;
}

std::span<const uint64_t> OverlayMap::SortDirtyPages() {
  std::ranges::sort(dirty_pages_);
  return dirty_pages_;
}

void OverlayMap::SetSaved() {
  for (const uint64_t page : dirty_pages_) page_dirty_[page] = false;
  dirty_pages_.clear();
}

absl::Status OverlayMap::Load(uint64_t page, std::span<const std::byte> content) {
  const std::span<uint64_t> loaded =
      words().subspan(page * (kOverlayPage / sizeof(uint64_t)), kOverlayPage / sizeof(uint64_t));
  std::memcpy(loaded.data(), content.data(), kOverlayPage);
  const uint64_t first_word = page * (kOverlayPage / sizeof(uint64_t));
  uint64_t data = 0;
  uint64_t any = 0;
  for (uint64_t at = 0; at < loaded.size(); ++at) {
    const uint64_t word = loaded[at];
    const uint64_t index = first_word + at;
    uint64_t behind_the_end = 0;
    if (index == WordOf(clusters_)) behind_the_end = kAll << ShiftOf(clusters_);
    if (index > WordOf(clusters_)) behind_the_end = kAll;
    // Both bits of a cluster: no state.
    if ((word & word >> 1 & kLowBits) != 0 || (word & behind_the_end) != 0) {
      return absl::DataLossError(absl::StrCat("its map is damaged in page ", page));
    }
    data += CountData(word);
    any |= word;
  }
  if (any == 0) return absl::OkStatus();
  data_clusters_ += data;
  page_used_[page] = true;
  ++used_pages_;
  return absl::OkStatus();
}

}  // namespace mayfly::virtio
