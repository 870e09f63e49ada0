#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mapping.h"
#include "base/owned_fd.h"

namespace mayfly {

inline constexpr uint64_t kPageSize = 4096;

// A contiguous range of guest physical addresses.
struct GuestRange {
  uint64_t address = 0;
  uint64_t size = 0;  // bytes
  friend bool operator==(const GuestRange&, const GuestRange&) = default;
};

// The guest's RAM, and the one door to it: every address and length that a guest chose goes through
// here, where it is checked against the regions without overflow. A range must lie within one
// region; adjacent regions are not joined.
//
// Threading: the object is immutable after Create(); its functions can be called
// from any thread. The bytes behind it belong to the guest, whose vCPUs change them at any time:
// copy first, then check, then use the copy.
class GuestMemory final {
 public:
  enum class Backing {
    kAnonymous,  // private to this process: the fastest to make
    kMemfd,      // a memfd, so that another process can map it
  };
  enum class Pages {
    kDefault,          // what the host's settings give
    kTransparentHuge,  // madvise(MADV_HUGEPAGE)
    kHugeTlb,          // reserved 2 MiB pages (kMemfd only); fails where the host has too few
  };
  struct Options {
    Backing backing = Backing::kAnonymous;
    Pages pages = Pages::kDefault;
  };
  // Host memory behind a range. `memfd` is -1 for anonymous memory, otherwise the region begins at
  // `memfd_offset` in it.
  struct Region {
    GuestRange range;
    std::byte* host = nullptr;
    int memfd = -1;
    uint64_t memfd_offset = 0;
  };

  // `ranges`: page-aligned, not empty, ascending, not overlapping.
  // Errors: InvalidArgument for other ranges, ResourceExhausted where the host cannot provide the
  // memory.
  [[nodiscard]] static absl::StatusOr<GuestMemory> Create(std::span<const GuestRange> ranges,
                                                          const Options& options);

  [[nodiscard]] std::span<const Region> regions() const { return regions_; }
  // Bytes of all regions together.
  [[nodiscard]] uint64_t size() const { return size_; }

  // The host's view of a guest range, nullptr where it is not all RAM of one region; an empty range
  // is where its address lies within or at the end of one. For paths on which building a Status
  // would cost; otherwise use Span().
  [[nodiscard]] std::byte* TryTranslate(uint64_t address, uint64_t size) const;

  // The host's view of a guest range. Errors (here and below): OutOfRange naming the range.
  [[nodiscard]] absl::StatusOr<std::span<std::byte>> Span(uint64_t address, uint64_t size) const;

  // Copies out of and into guest memory: all or nothing.
  [[nodiscard]] absl::Status Read(uint64_t address, std::span<std::byte> out) const;
  [[nodiscard]] absl::Status Write(uint64_t address, std::span<const std::byte> data) const;
  [[nodiscard]] absl::Status Fill(uint64_t address, uint64_t size, std::byte value) const;

  // One object, copied once, at any alignment.
  template <typename T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] absl::StatusOr<T> Load(uint64_t address) const {
    T value{};
    if (absl::Status status = Read(address, std::as_writable_bytes(std::span(&value, 1)));
        !status.ok()) {
      return status;
    }
    return value;
  }
  template <typename T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] absl::Status Store(uint64_t address, const T& value) const {
    return Write(address, std::as_bytes(std::span(&value, 1)));
  }

 private:
  GuestMemory() = default;
  absl::Status AddRegion(const GuestRange& range, const Options& options, uint64_t memfd_offset);
  [[nodiscard]] absl::Status OutOfRange(uint64_t address, uint64_t size) const;

  OwnedFd memfd_;
  std::vector<Mapping> mappings_;
  std::vector<Region> regions_;
  uint64_t size_ = 0;
};

}  // namespace mayfly
