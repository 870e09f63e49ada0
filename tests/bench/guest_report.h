#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace mayfly::bench {

// A line with which a benchmark guest ends a case: "result NAME key=number key=number ...".
struct GuestReport {
  std::string name;
  std::map<std::string, uint64_t, std::less<>> values;

  // Nothing where the line is another one.
  [[nodiscard]] static std::optional<GuestReport> Parse(std::string_view line);
  // 0 where there is no such key.
  [[nodiscard]] double At(std::string_view key) const;
};

}  // namespace mayfly::bench
