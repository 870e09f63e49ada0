#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

namespace mayfly::virtio {

// Bytes of a file with holes: zero where nothing was written.
class SparseBytes final {
 public:
  static constexpr uint64_t kPage = 4096;
  using Page = std::array<std::byte, kPage>;

  void Read(uint64_t offset, std::span<std::byte> out) const;
  void Write(uint64_t offset, std::span<const std::byte> data);
  [[nodiscard]] const std::map<uint64_t, Page>& pages() const { return pages_; }

 private:
  std::map<uint64_t, Page> pages_;  // by their number
};

}  // namespace mayfly::virtio
