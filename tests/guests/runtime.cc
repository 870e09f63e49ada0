// The runtime checks itself: formatting, numbers, memory functions, heap, clock, constructors.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <optional>
#include <string_view>
#include <vector>

#include "images/unikernel/clock.h"
#include "images/unikernel/command_line.h"
#include "images/unikernel/console.h"
#include "images/unikernel/format.h"
#include "images/unikernel/timer.h"

namespace {

using namespace mayfly::guest;

int checks = 0;
int failures = 0;

void Expect(bool holds, std::string_view what) {
  ++checks;
  if (holds) return;
  ++failures;
  Print("failed: {}\n", what);
}

std::vector<char> formatted;

template <typename... Arguments>
std::string_view Formatted(FormatString<std::type_identity_t<Arguments>...> format,
                           const Arguments&... arguments) {
  formatted.clear();
  const std::vector<FormatArgument> erased = {arguments...};
  Formatter([](std::string_view piece) {
    formatted.insert(formatted.end(), piece.begin(), piece.end());
  }).Format(format.text(), erased);
  return {formatted.data(), formatted.size()};
}

void CheckFormat() {
  Expect(Formatted("{} and {}", 0, INT64_MIN) == "0 and -9223372036854775808", "signed numbers");
  Expect(Formatted("{} {:x}", UINT64_MAX, UINT64_MAX) == "18446744073709551615 ffffffffffffffff",
         "the largest number");
  Expect(Formatted("<{}|{}|{}>", 'c', "text", true) == "<c|text|true>", "characters and text");
  constexpr std::string_view kLong =
      "a text that is longer than the buffer of the formatter, which passes on what it has when "
      "the "
      "buffer is full and goes on";
  Expect(Formatted("{}{}", kLong, kLong).size() == 2 * kLong.size(), "text beyond the buffer");
}

void CheckNumbers() {
  Expect(ParseNumber("4096") == 4096U, "a decimal number");
  Expect(ParseNumber("0xd0000000") == 0xd0000000U, "a hexadecimal number");
  for (const std::string_view bad : {"", "0x", "-1", "1 ", "18446744073709551616"}) {
    Expect(!ParseNumber(bad).has_value(), bad);
  }
}

void CheckMemoryFunctions() {
  std::array<uint8_t, 64> bytes;
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  std::memmove(&bytes[1], &bytes[0], 63);
  Expect(bytes[0] == 0 && bytes[1] == 0 && bytes[63] == 62, "memmove upward");
  std::memmove(&bytes[0], &bytes[1], 63);
  Expect(bytes[0] == 0 && bytes[62] == 62 && bytes[63] == 62, "memmove downward");
  Expect(std::memcmp("abc", "abd", 3) < 0 && std::memcmp("abc", "abd", 2) == 0, "memcmp");
}

// Allocates and frees in an order that splits and merges blocks, and looks for overlaps.
void CheckHeap() {
  constexpr size_t kBlocks = 200;
  std::array<std::unique_ptr<std::vector<uint64_t>>, kBlocks> blocks;
  uint64_t random = 1;
  for (int round = 0; round < 20; ++round) {
    for (size_t index = 0; index < kBlocks; ++index) {
      random = random * 6364136223846793005 + 1442695040888963407;
      if ((random >> 60) < 6) {
        blocks[index].reset();
      } else if (!blocks[index]) {
        blocks[index] = std::make_unique<std::vector<uint64_t>>((random >> 32) % 1000 + 1, index);
      }
    }
    for (size_t index = 0; index < kBlocks; ++index) {
      if (!blocks[index]) continue;
      Expect(std::ranges::all_of(*blocks[index], [index](uint64_t word) { return word == index; }),
             "blocks of the heap do not overlap");
    }
  }
  // Were freed blocks not merged, this would find no room after some rounds on 128 MiB.
  blocks = {};
  for (int round = 0; round < 64; ++round) {
    const auto large = std::make_unique_for_overwrite<std::byte[]>(size_t{4} << 20);
    Expect(large != nullptr, "a large block");
  }
  struct alignas(4096) Page {
    std::array<std::byte, 4096> bytes;
  };
  const auto page = std::make_unique<Page>();
  Expect(reinterpret_cast<uintptr_t>(page.get()) % alignof(Page) == 0, "an aligned block");
  Expect(::operator new(SIZE_MAX / 2, std::nothrow) == nullptr, "no block of half the universe");
}

void CheckClock() {
  using std::chrono::milliseconds;
  const std::chrono::nanoseconds begin = Now();
  Sleep(milliseconds{3});
  const std::chrono::nanoseconds slept = Now() - begin;
  Expect(slept >= milliseconds{2}, "Sleep() takes its time");
  Spin(milliseconds{1});
  Expect(Now() - begin >= slept + milliseconds{1}, "Spin() takes its time");
}

struct Constructed {
  Constructed() : value(42) {}
  volatile int value;
};
const Constructed constructed;

}  // namespace

int main() {
  CheckFormat();
  CheckNumbers();
  CheckMemoryFunctions();
  CheckHeap();
  CheckClock();
  Expect(constructed.value == 42, "constructors ran before main()");
  Print("{} checks, {} failed\n", checks, failures);
  return failures == 0 ? 0 : 1;
}
