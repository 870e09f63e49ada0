#include "jailer/vm_ids.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <system_error>

namespace mayfly::jailer {
namespace {

// Takes a number off the front of `text`, and the blanks before it.
[[nodiscard]] bool TakeNumber(std::string_view& text, uint64_t& number) {
  text.remove_prefix(std::min(text.find_first_not_of(" \n"), text.size()));
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

}  // namespace

bool MapsVmIds(std::string_view map) {
  uint64_t inside = 0;
  uint64_t outside = 0;
  uint64_t count = 0;
  while (TakeNumber(map, inside) && TakeNumber(map, outside) && TakeNumber(map, count)) {
    if (inside <= kFirstVmId && kFirstVmId - inside + kVmIds <= count) return true;
  }
  return false;
}

}  // namespace mayfly::jailer
