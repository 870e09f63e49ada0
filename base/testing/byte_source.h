#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace mayfly {

// Takes a fuzzer's input apart, from the front. What is asked for beyond the end is zero.
class ByteSource final {
 public:
  ByteSource(const uint8_t* data, size_t size) : rest_(data, size) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }

  template <typename T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] T Take() {
    T value{};
    const std::span<const uint8_t> bytes = TakeBytes(sizeof value);
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }

  // A number below `limit`, which is not zero.
  [[nodiscard]] uint64_t TakeBelow(uint64_t limit) {
    return (limit <= 0x100 ? Take<uint8_t>() : Take<uint64_t>()) % limit;
  }

  // The next `size` bytes, or as many as are left.
  [[nodiscard]] std::span<const uint8_t> TakeBytes(size_t size) {
    const std::span<const uint8_t> bytes = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(bytes.size());
    return bytes;
  }

 private:
  std::span<const uint8_t> rest_;
};

}  // namespace mayfly
