#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace mayfly::jailer {

// A disk, by its number.
struct BlockDevice {
  unsigned major = 0;
  unsigned minor = 0;

  // The block device at `path`. Errors: InvalidArgument for what is none, or a partition: the
  // kernel limits whole disks (blkg_conf_prep()); errno's otherwise.
  [[nodiscard]] static absl::StatusOr<BlockDevice> At(const std::string& path);

  // "8:0", as control files have it.
  [[nodiscard]] std::string Text() const;
  [[nodiscard]] bool operator==(const BlockDevice&) const = default;
};

}  // namespace mayfly::jailer
