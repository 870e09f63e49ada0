#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "vmm/boot/image_file.h"

namespace mayfly::vmm {

// The error for a file that was good once: what is wrong with it, and what to do.
[[nodiscard]] inline absl::Status DamagedImage(const ImageFile& file, std::string_view problem) {
  return file.Bad(absl::StrCat(ToAbsl(problem), "; copy or build it again"));
}

}  // namespace mayfly::vmm
