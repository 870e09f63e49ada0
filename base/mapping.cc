#include "base/mapping.h"

#include <sys/mman.h>
#include <sys/types.h>

#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/checked.h"
#include "base/status.h"

namespace mayfly {
namespace {

constexpr int kNoFd = -1;

}  // namespace

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  if (this != &other) {
    Unmap();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Mapping::~Mapping() { Unmap(); }

void Mapping::Unmap() {
  if (data_ != nullptr) ::munmap(std::exchange(data_, nullptr), std::exchange(size_, 0));
}

absl::StatusOr<Mapping> Mapping::Map(size_t size, int flags, int fd, uint64_t offset) {
  const auto file_offset = CheckedCast<off_t>(offset);
  if (size == 0 || !file_offset) {
    return absl::InvalidArgumentError(absl::StrCat("mapping ", size, " bytes at offset ", offset));
  }
  void* const data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, *file_offset);
  if (data == MAP_FAILED) return ErrnoStatus(absl::StrCat("mapping ", size, " bytes"));
  return Mapping(static_cast<std::byte*>(data), size);
}

absl::StatusOr<Mapping> Mapping::Anonymous(size_t size, size_t alignment) {
  const auto padded = CheckedAdd<size_t>(size, alignment);
  if (size == 0 || !padded || !std::has_single_bit(alignment)) {
    return absl::InvalidArgumentError(absl::StrCat("mapping ", size, " bytes of memory"));
  }
  MAYFLY_ASSIGN_OR_RETURN(Mapping all,
                          Map(*padded, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, kNoFd, 0));
  // Give back what the alignment does not need: the kernel merges and splits the area in place.
  const auto begin = std::bit_cast<uintptr_t>(all.data_);
  const size_t head = *AlignUp(begin, alignment) - begin;
  const size_t tail = alignment - head;
  if (head != 0) ::munmap(all.data_, head);
  if (tail != 0) ::munmap(all.data_ + head + size, tail);
  all.data_ += head;
  all.size_ = size;
  return all;
}

absl::StatusOr<Mapping> Mapping::Shared(int fd, uint64_t offset, size_t size) {
  // Not MAP_NORESERVE: memory of a memfd is never counted here, but its reserved huge pages would
  // not be ours, and the first touch of one that is not there a SIGBUS.
  return Map(size, MAP_SHARED, fd, offset);
}

}  // namespace mayfly
