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

// What becomes of links such as those in /proc/self/fd, which lead to what a process has open
// instead of to a path (RESOLVE_NO_MAGICLINKS of openat2(2)).
enum class MagicLinks {
  kFollow,
  kRefuse,  // for paths of somebody else's
};
// `role`: what the file is to be, such as "kernel".
[[nodiscard]] absl::StatusOr<vmm::NamedFd> OpenImage(std::string_view role, const std::string& path,
                                                     MagicLinks links = MagicLinks::kFollow);
[[nodiscard]] absl::StatusOr<vmm::NamedFd> OpenDiskImage(const std::string& path,
                                                         vmm::DiskAccess access,
                                                         MagicLinks links = MagicLinks::kFollow);
// What becomes of an overlay that is not there.
enum class Missing {
  kRefuse,
  kMake,  // empty
};
// The file of an overlay's upper layer, for reading and writing.
[[nodiscard]] absl::StatusOr<vmm::NamedFd> OpenOverlay(const std::string& path, Missing missing,
                                                       MagicLinks links = MagicLinks::kFollow);

}  // namespace mayfly::api
