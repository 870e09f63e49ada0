#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace mayfly::jailer {

// CPUs as the kernel lists them (cpuset(7), "List format"): "0-3,8".
class CpuList final {
 public:
  // Errors: InvalidArgument for what is no such list, or names no CPU.
  [[nodiscard]] static absl::StatusOr<CpuList> Parse(std::string_view text);

  // The same CPUs, in the shortest way.
  [[nodiscard]] std::string Text() const;
  [[nodiscard]] bool IsWithin(const CpuList& other) const;
  [[nodiscard]] bool operator==(const CpuList&) const = default;

 private:
  std::vector<bool> has_;  // by number; the last one is true
};

}  // namespace mayfly::jailer
