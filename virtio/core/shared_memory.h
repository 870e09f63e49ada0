#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace mayfly::virtio {

// Single accesses to memory that another party changes meanwhile. virtio is little-endian, and so
// is every host here.

// The object at `from`, at any alignment, copied once: what is done with the copy is never done
// with a second look.
template <typename T>
requires std::is_trivially_copyable_v<T>
[[nodiscard]] T CopyOnce(const std::byte* from) {
  T copy;
  std::memcpy(&copy, from, sizeof copy);
  // Without this the compiler may read `from` again later instead of keeping the copy.
  std::atomic_signal_fence(std::memory_order_acq_rel);
  return copy;
}

// A ring's 16-bit field; `field` is aligned.
[[nodiscard]] inline std::atomic_ref<uint16_t> RingField(std::byte* field) {
  return std::atomic_ref<uint16_t>(*static_cast<uint16_t*>(static_cast<void*>(field)));
}

}  // namespace mayfly::virtio
