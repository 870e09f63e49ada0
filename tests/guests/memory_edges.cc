// Writes the first and the last page of every region of RAM, then checks that each kept what was
// written.

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "images/unikernel/boot_info.h"
#include "images/unikernel/console.h"
#include "images/unikernel/memory.h"

namespace {

using mayfly::guest::kMappableEnd;
using mayfly::guest::MemoryRange;
using mayfly::guest::MemoryType;
using mayfly::guest::Print;

constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kMebibyte = 1 << 20;

bool Occupied(uint64_t page) {
  for (const MemoryRange& range : mayfly::guest::OccupiedMemory().subspan(1)) {
    if (range.address < page + kPageBytes && page < range.end()) return true;
  }
  return page >= kMebibyte && page < mayfly::guest::OccupiedMemory()[0].end();
}

std::span<volatile uint64_t> PageAt(uint64_t address) {
  return {reinterpret_cast<volatile uint64_t*>(address), kPageBytes / sizeof(uint64_t)};
}

// No two words of the machine's memory have the same value.
uint64_t PatternOf(uint64_t page, size_t index) { return ~(page + index * sizeof(uint64_t)); }

void Fill(uint64_t page) {
  const auto words = PageAt(page);
  for (size_t index = 0; index < words.size(); ++index) words[index] = PatternOf(page, index);
}

bool Keeps(uint64_t page) {
  const auto words = PageAt(page);
  for (size_t index = 0; index < words.size(); ++index) {
    if (words[index] != PatternOf(page, index)) return false;
  }
  return true;
}

// The edges of a region, as far as this program and what the loader left do not lie there.
template <typename Function>
void ForEachEdge(Function function) {
  for (const MemoryRange& range : mayfly::guest::MemoryMap()) {
    if (range.type != MemoryType::kRam || range.size < kPageBytes || range.end() > kMappableEnd)
      continue;
    const uint64_t first = (range.address + kPageBytes - 1) & ~(kPageBytes - 1);
    const uint64_t last = (range.end() & ~(kPageBytes - 1)) - kPageBytes;
    for (const uint64_t page : {first, last}) {
      if (!Occupied(page)) function(page);
    }
  }
}

}  // namespace

int main() {
  uint64_t bytes = 0;
  for (const MemoryRange& range : mayfly::guest::MemoryMap()) {
    if (range.type != MemoryType::kRam) continue;
    Print("RAM {:x} to {:x}\n", range.address, range.end());
    if (range.end() <= kMappableEnd) mayfly::guest::MapMemory(range.address, range.size);
    bytes += range.size;
  }
  mayfly::guest::MapPageZero();

  int failures = 0;
  size_t pages = 0;
  ForEachEdge(Fill);
  ForEachEdge([&](uint64_t page) {
    ++pages;
    if (Keeps(page)) return;
    Print("the page at {:x} did not keep what was written\n", page);
    ++failures;
  });
  Print("{} pages kept what was written\n", pages - static_cast<size_t>(failures));
  // What the first MiB lacks, for the legacy holes of a PC, counts as well.
  Print("{} MiB\n", (bytes + kMebibyte - 1) / kMebibyte);
  return failures == 0 && pages > 0 ? 0 : 1;
}
