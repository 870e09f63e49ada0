#include "vmm/devices/bus.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_format.h"
#include "base/checked.h"

namespace mayfly::vmm {
namespace {

constexpr size_t kMaxWidth = 8;
constexpr std::byte kNobody{0xff};

}  // namespace

absl::Status Bus::Add(uint64_t begin, uint64_t size, IoHandler& device) {
  const auto end = CheckedAdd(begin, size);
  if (size == 0 || !end) {
    return absl::InvalidArgumentError(
        absl::StrFormat("a device of %u bytes at %#x is no range of a bus", size, begin));
  }
  const auto after = std::ranges::upper_bound(ranges_, begin, {}, &Range::begin);
  const bool hits_next = after != ranges_.end() && after->begin < *end;
  const bool hits_previous =
      after != ranges_.begin() && begin - std::prev(after)->begin < std::prev(after)->size;
  if (hits_next || hits_previous) {
    return absl::AlreadyExistsError(
        absl::StrFormat("two devices claim the addresses from %#x on", begin));
  }
  ranges_.insert(after, {.begin = begin, .size = size, .device = &device});
  return absl::OkStatus();
}

const Bus::Range* Bus::Find(uint64_t address, uint64_t size) const {
  if (!std::has_single_bit(size) || size > kMaxWidth) return nullptr;
  const auto after = std::ranges::upper_bound(ranges_, address, {}, &Range::begin);
  if (after == ranges_.begin()) return nullptr;
  const Range& range = *std::prev(after);
  return RangeWithin(address - range.begin, size, range.size) ? &range : nullptr;
}

void Bus::Read(uint64_t address, std::span<std::byte> out) const {
  if (const Range* const range = Find(address, out.size())) {
    range->device->Read(address - range->begin, out);
  } else {
    std::ranges::fill(out, kNobody);
  }
}

void Bus::Write(uint64_t address, std::span<const std::byte> data) const {
  if (const Range* const range = Find(address, data.size())) {
    range->device->Write(address - range->begin, data);
  }
}

}  // namespace mayfly::vmm
