#include "base/guest_memory.h"

#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/checked.h"
#include "base/status.h"

namespace mayfly {
namespace {

constexpr uint64_t kHugePageSize = uint64_t{2} << 20;

absl::Status CheckRanges(std::span<const GuestRange> ranges) {
  if (ranges.empty()) return absl::InvalidArgumentError("guest memory has no ranges");
  uint64_t end = 0;
  for (const GuestRange& range : ranges) {
    const auto range_end = CheckedAdd(range.address, range.size);
    if (range.size == 0 || !range_end || range.address < end ||
        !IsAligned(range.address, kPageSize) || !IsAligned(range.size, kPageSize)) {
      return absl::InvalidArgumentError(
          absl::StrFormat("guest memory range of %u bytes at %#x is empty, unaligned, out of order "
                          "or beyond the address space",
                          range.size, range.address));
    }
    end = *range_end;
  }
  return absl::OkStatus();
}

absl::Status CheckHugePages(std::span<const GuestRange> ranges, GuestMemory::Backing backing) {
  if (backing != GuestMemory::Backing::kMemfd) {
    return absl::InvalidArgumentError("reserved huge pages need guest memory in a memfd");
  }
  for (const GuestRange& range : ranges) {
    if (IsAligned(range.size, kHugePageSize)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("guest memory of ", range.size, " bytes is not a whole number of reserved ",
                     "huge pages of 2 MiB: ask for a multiple, such as ",
                     range.size / kHugePageSize * 2 + 2, " MiB"));
  }
  return absl::OkStatus();
}

absl::Status CannotProvide(uint64_t size, GuestMemory::Pages pages, const absl::Status& why) {
  const bool reserved = pages == GuestMemory::Pages::kHugeTlb;
  return absl::ResourceExhaustedError(
      absl::StrCat("the host cannot provide ", size >> 20, " MiB of guest memory",
                   reserved ? " in reserved huge pages of 2 MiB" : "", " (", why.message(),
                   "): ask for less, or ",
                   reserved ? "set more of them aside (sysctl vm.nr_hugepages)"
                            : "raise the limits of the process"));
}

absl::StatusOr<OwnedFd> MakeMemfd(uint64_t size, GuestMemory::Pages pages) {
  const unsigned huge = pages == GuestMemory::Pages::kHugeTlb ? MFD_HUGETLB | MFD_HUGE_2MB : 0U;
  OwnedFd fd(::memfd_create("guest-memory", MFD_CLOEXEC | huge));
  if (!fd.valid()) return CannotProvide(size, pages, ErrnoStatus("creating a memfd"));
  const auto length = CheckedCast<off_t>(size);
  if (!length) return absl::InvalidArgumentError("guest memory is larger than a file can be");
  if (::ftruncate(fd.get(), *length) != 0) {
    return ErrnoStatus(absl::StrCat("sizing the guest memory to ", size, " bytes"));
  }
  return fd;
}

}  // namespace

absl::StatusOr<GuestMemory> GuestMemory::Create(std::span<const GuestRange> ranges,
                                                const Options& options) {
  MAYFLY_RETURN_IF_ERROR(CheckRanges(ranges));
  if (options.pages == Pages::kHugeTlb) {
    MAYFLY_RETURN_IF_ERROR(CheckHugePages(ranges, options.backing));
  }
  GuestMemory memory;
  uint64_t total = 0;
  for (const GuestRange& range : ranges) total += range.size;
  if (options.backing == Backing::kMemfd) {
    MAYFLY_ASSIGN_OR_RETURN(memory.memfd_, MakeMemfd(total, options.pages));
  }
  for (const GuestRange& range : ranges) {
    MAYFLY_RETURN_IF_ERROR(memory.AddRegion(range, options, memory.size_));
    memory.size_ += range.size;
  }
  return memory;
}

absl::Status GuestMemory::AddRegion(const GuestRange& range, const Options& options,
                                    uint64_t memfd_offset) {
  // A huge page needs guest and host address to agree modulo its size; guest regions begin at
  // multiples of it.
  const uint64_t alignment = range.size >= kHugePageSize ? kHugePageSize : kPageSize;
  const bool anonymous = options.backing == Backing::kAnonymous;
  auto mapping = anonymous ? Mapping::Anonymous(range.size, alignment)
                           : Mapping::Shared(memfd_.get(), memfd_offset, range.size);
  if (!mapping.ok()) return CannotProvide(range.size, options.pages, mapping.status());
  if (options.pages == Pages::kTransparentHuge &&
      ::madvise(mapping->data(), mapping->size(), MADV_HUGEPAGE) != 0) {
    return ErrnoStatus("asking for transparent huge pages");
  }
  regions_.push_back({.range = range,
                      .host = mapping->data(),
                      .memfd = anonymous ? -1 : memfd_.get(),
                      .memfd_offset = anonymous ? 0 : memfd_offset});
  mappings_.push_back(*std::move(mapping));
  return absl::OkStatus();
}

std::byte* GuestMemory::TryTranslate(uint64_t address, uint64_t size) const {
  for (const Region& region : regions_) {
    if (address < region.range.address) return nullptr;
    const uint64_t offset = address - region.range.address;
    if (RangeWithin(offset, size, region.range.size)) return region.host + offset;
  }
  return nullptr;
}

absl::Status GuestMemory::OutOfRange(uint64_t address, uint64_t size) const {
  return absl::OutOfRangeError(
      absl::StrFormat("%u bytes at guest address %#x are not all guest memory", size, address));
}

absl::StatusOr<std::span<std::byte>> GuestMemory::Span(uint64_t address, uint64_t size) const {
  std::byte* const host = TryTranslate(address, size);
  if (host == nullptr) return OutOfRange(address, size);
  return std::span(host, size);
}

absl::Status GuestMemory::Read(uint64_t address, std::span<std::byte> out) const {
  const std::byte* const host = TryTranslate(address, out.size());
  if (host == nullptr) return OutOfRange(address, out.size());
  std::copy_n(host, out.size(), out.data());
  return absl::OkStatus();
}

absl::Status GuestMemory::Write(uint64_t address, std::span<const std::byte> data) const {
  std::byte* const host = TryTranslate(address, data.size());
  if (host == nullptr) return OutOfRange(address, data.size());
  std::copy_n(data.data(), data.size(), host);
  return absl::OkStatus();
}

absl::Status GuestMemory::Fill(uint64_t address, uint64_t size, std::byte value) const {
  std::byte* const host = TryTranslate(address, size);
  if (host == nullptr) return OutOfRange(address, size);
  std::fill_n(host, size, value);
  return absl::OkStatus();
}

}  // namespace mayfly
