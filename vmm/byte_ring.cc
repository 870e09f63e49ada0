#include "vmm/byte_ring.h"

#include <algorithm>

namespace mayfly::vmm {

size_t ByteRing::Push(std::span<const std::byte> bytes) {
  const size_t count = std::min(bytes.size(), capacity_ - size_);
  const size_t at = (begin_ + size_) % capacity_;
  const size_t until_wrap = std::min(count, capacity_ - at);
  std::copy_n(bytes.data(), until_wrap, bytes_.get() + at);
  std::copy_n(bytes.data() + until_wrap, count - until_wrap, bytes_.get());
  size_ += count;
  return count;
}

size_t ByteRing::Pop(std::span<std::byte> out) {
  const size_t count = std::min(out.size(), size_);
  const size_t until_wrap = std::min(count, capacity_ - begin_);
  std::copy_n(bytes_.get() + begin_, until_wrap, out.data());
  std::copy_n(bytes_.get(), count - until_wrap, out.data() + until_wrap);
  size_ -= count;
  // An empty ring begins anew, so that a short queue stays on its first page.
  begin_ = size_ == 0 ? 0 : (begin_ + count) % capacity_;
  return count;
}

std::optional<std::byte> ByteRing::PopOne() {
  std::byte byte{};
  if (Pop(std::span(&byte, 1)) == 0) return std::nullopt;
  return byte;
}

}  // namespace mayfly::vmm
