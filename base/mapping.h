#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mayfly {

// A range of this process's address space (mmap(2)) with one owner, unmapped at the end of its
// life.
class [[nodiscard]] Mapping final {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  // Zeroed private memory of `size` bytes, not counted against the overcommit limit
  // (MAP_NORESERVE), aligned to `alignment` (a power of two of at least a page).
  [[nodiscard]] static absl::StatusOr<Mapping> Anonymous(size_t size, size_t alignment);
  // `size` bytes of `fd` from `offset` (a multiple of the page size), shared with whoever else maps
  // it.
  [[nodiscard]] static absl::StatusOr<Mapping> Shared(int fd, uint64_t offset, size_t size);

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] std::span<std::byte> bytes() const { return {data_, size_}; }

 private:
  Mapping(std::byte* data, size_t size) : data_(data), size_(size) {}
  // For reading and writing.
  [[nodiscard]] static absl::StatusOr<Mapping> Map(size_t size, int flags, int fd, uint64_t offset);
  void Unmap();

  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace mayfly
