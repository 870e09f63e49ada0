// Guest memory of arbitrary ranges, against a model that looks at each range by itself in wider
// numbers.

#include "base/guest_memory.h"

#include <array>
#include <cstdint>
#include <vector>

#include "base/testing/byte_source.h"
#include "base/testing/fuzz_target.h"

namespace mayfly {
namespace {

__extension__ typedef unsigned __int128 Wide;

constexpr uint64_t kMaxPages = 16;  // of one region
constexpr size_t kMaxCopy = 256;

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

// Mostly page-aligned ranges, so that some can be made.
std::vector<GuestRange> TakeRanges(ByteSource& input) {
  std::vector<GuestRange> ranges;
  const uint64_t count = input.TakeBelow(4);
  for (uint64_t i = 0; i < count; ++i) {
    GuestRange range;
    range.address = input.TakeBelow(8) == 0 ? input.Take<uint64_t>()
                                            : input.TakeBelow(kMaxPages * 8) * kPageSize;
    range.size = input.TakeBelow(kMaxPages) * kPageSize;
    ranges.push_back(range);
  }
  return ranges;
}

const GuestRange* FindRange(const std::vector<GuestRange>& ranges, uint64_t address,
                            uint64_t size) {
  for (const GuestRange& range : ranges) {
    const Wide end = Wide{range.address} + range.size;
    if (address >= range.address && Wide{address} + size <= end) return &range;
  }
  return nullptr;
}

void Check(const GuestMemory& memory, const std::vector<GuestRange>& ranges, ByteSource& input) {
  // Around a page, or anywhere.
  const uint64_t address = input.TakeBelow(2) == 0 ? input.Take<uint64_t>()
                                                   : input.TakeBelow(kMaxPages * 8) * kPageSize +
                                                         input.Take<uint8_t>() - 128;
  const uint64_t size =
      input.TakeBelow(2) == 0 ? input.Take<uint64_t>() : input.TakeBelow(kMaxCopy);
  const bool inside = FindRange(ranges, address, size) != nullptr;
  Require((memory.TryTranslate(address, size) != nullptr) == inside);
  Require(memory.Span(address, size).ok() == inside);
  if (size > kMaxCopy) return;
  std::array<std::byte, kMaxCopy> data{};
  data.fill(static_cast<std::byte>(input.Take<uint8_t>()));
  const std::span<std::byte> some = std::span(data).first(size);
  Require(memory.Write(address, some).ok() == inside);
  std::array<std::byte, kMaxCopy> back{};
  Require(memory.Read(address, std::span(back).first(size)).ok() == inside);
  if (inside && size != 0) Require(back[size - 1] == data[0]);
  Require(memory.Fill(address, size, std::byte{0}).ok() == inside);
}

}  // namespace
}  // namespace mayfly

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mayfly::ByteSource input(data, size);
  const std::vector<mayfly::GuestRange> ranges = mayfly::TakeRanges(input);
  const absl::StatusOr<mayfly::GuestMemory> memory = mayfly::GuestMemory::Create(ranges, {});
  if (!memory.ok()) return 0;
  while (!input.empty()) mayfly::Check(*memory, ranges, input);
  return 0;
}
