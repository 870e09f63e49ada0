#include "virtio/block/overlay/testing/sparse_bytes.h"

#include <algorithm>
#include <cstring>

namespace mayfly::virtio {

void SparseBytes::Read(uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const size_t within = offset % kPage;
    const std::span<std::byte> part = out.first(std::min(out.size(), kPage - within));
    const auto page = pages_.find(offset / kPage);
    if (page == pages_.end()) {
      std::memset(part.data(), 0, part.size());
    } else {
      std::memcpy(part.data(), page->second.data() + within, part.size());
    }
    out = out.subspan(part.size());
    offset += part.size();
  }
}

void SparseBytes::Write(uint64_t offset, std::span<const std::byte> data) {
  while (!data.empty()) {
    const size_t within = offset % kPage;
    const std::span<const std::byte> part = data.first(std::min(data.size(), kPage - within));
    std::memcpy(pages_[offset / kPage].data() + within, part.data(), part.size());
    data = data.subspan(part.size());
    offset += part.size();
  }
}

}  // namespace mayfly::virtio
