#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

namespace mayfly::vmm {

// A bounded queue of bytes. Its memory is touched only as far as it fills: a console that is read
// costs a page. Not thread-safe.
class ByteRing final {
 public:
  explicit ByteRing(size_t capacity)
      : capacity_(capacity), bytes_(std::make_unique_for_overwrite<std::byte[]>(capacity)) {}

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] bool full() const { return size_ == capacity_; }

  // Appends as many of `bytes` as there is room for; answers how many.
  size_t Push(std::span<const std::byte> bytes);
  // Takes up to `out.size()` bytes; answers how many.
  size_t Pop(std::span<std::byte> out);
  // The same, one byte.
  [[nodiscard]] std::optional<std::byte> PopOne();

 private:
  const size_t capacity_;
  const std::unique_ptr<std::byte[]> bytes_;
  size_t begin_ = 0;
  size_t size_ = 0;
};

}  // namespace mayfly::vmm
