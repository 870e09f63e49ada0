#include "tests/hostile/canaries.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <utility>

#include "base/guest_memory.h"

namespace mayfly::hostile {
namespace {

constexpr std::byte kPattern{0xc5};

bool HasPattern(const std::byte* page) {
  return std::ranges::all_of(std::span(page, kPageSize),
                             [](std::byte byte) { return byte == kPattern; });
}

}  // namespace

Canaries::Canaries(std::span<const uint64_t> sizes) {
  for (const uint64_t size : sizes) {
    void* const place = ::mmap(nullptr, size + 2 * kPageSize, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED) std::abort();
    auto* const before = static_cast<std::byte*>(place);
    gaps_.push_back({.before = before, .behind = before + kPageSize + size});
  }
  // All of them reserved first: a gap would take in the next one.
  for (const Gap& gap : gaps_) {
    std::byte* const begin = gap.before + kPageSize;
    ::munmap(begin, static_cast<size_t>(gap.behind - begin));
    std::ranges::fill(std::span(gap.before, kPageSize), kPattern);
    std::ranges::fill(std::span(gap.behind, kPageSize), kPattern);
  }
}

Canaries::~Canaries() {
  for (const Gap& gap : gaps_) {
    ::munmap(gap.before, kPageSize);
    ::munmap(gap.behind, kPageSize);
  }
}

bool Canaries::Surround(std::string_view name) const {
  std::set<std::pair<uintptr_t, uintptr_t>> mapped;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(name) == std::string::npos) continue;
    size_t dash = 0;
    const uintptr_t begin = std::stoul(line, &dash, 16);
    mapped.emplace(begin, std::stoul(line.substr(dash + 1), nullptr, 16));
  }
  return std::ranges::all_of(gaps_, [&mapped](const Gap& gap) {
    return mapped.contains({reinterpret_cast<uintptr_t>(gap.before) + kPageSize,
                            reinterpret_cast<uintptr_t>(gap.behind)});
  });
}

bool Canaries::Unharmed() const {
  return std::ranges::all_of(
      gaps_, [](const Gap& gap) { return HasPattern(gap.before) && HasPattern(gap.behind); });
}

}  // namespace mayfly::hostile
