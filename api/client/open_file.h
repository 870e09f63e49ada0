#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/owned_fd.h"
#include "vmm/machine_config.h"

namespace mayfly::api {

// Opening what a VM is made of, with the rights that this thread has. Errors say which
// file it was, what was wrong and what to do: InvalidArgument for files of the user's, others for
// /dev/kvm.

[[nodiscard]] absl::StatusOr<OwnedFd> OpenKvm(const std::string& path = "/dev/kvm");
// `role`: what the file is to be, such as "kernel".
[[nodiscard]] absl::StatusOr<vmm::NamedFd> OpenImage(std::string_view role,
                                                     const std::string& path);
[[nodiscard]] absl::StatusOr<vmm::NamedFd> OpenDiskImage(const std::string& path,
                                                         vmm::DiskAccess access);
// What becomes of an overlay that is not there.
enum class Missing {
  kRefuse,
  kMake,  // empty
};
// The file of an overlay's upper layer, for reading and writing.
[[nodiscard]] absl::StatusOr<vmm::NamedFd> OpenOverlay(const std::string& path, Missing missing);

}  // namespace mayfly::api
