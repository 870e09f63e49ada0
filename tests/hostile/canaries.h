#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace mayfly::hostile {

// Pages full of a known pattern, right before and behind the memory that a guest is going to have:
// what runs over its edge runs into one of them.
//
// The kernel gives a new mapping the highest gap that it fits into. So gaps are made, of exactly
// the sizes that will be asked for, with a canary at each end.
class Canaries final {
 public:
  // Gaps for mappings of `sizes` (bytes, whole pages), which must be made next and in this order.
  explicit Canaries(std::span<const uint64_t> sizes);
  Canaries(const Canaries&) = delete;
  Canaries& operator=(const Canaries&) = delete;
  ~Canaries();

  // Whether every gap has been filled by a mapping whose name (in /proc/self/maps) has `name` in
  // it.
  [[nodiscard]] bool Surround(std::string_view name) const;
  [[nodiscard]] bool Unharmed() const;

 private:
  struct Gap {
    std::byte* before = nullptr;  // a page
    std::byte* behind = nullptr;  // a page
  };
  std::vector<Gap> gaps_;
};

}  // namespace mayfly::hostile
