#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/owned_fd.h"

namespace mayfly::virtio {

// Opens `queue_pairs` queues of the tap interface `name` (letters of its name; a %d in it is a
// number that the kernel chooses) as TapBackend takes them. An interface that does not exist is
// made, and is gone with its last descriptor. For those who may open /dev/net/tun: not a VMM in its
// jail.
//
// Errors: InvalidArgument for a name that is too long or empty; PermissionDenied where the
// interface is another user's, or the process may not make one; FailedPrecondition where it is in
// use, or is (not) multi-queue already; errno's otherwise.
[[nodiscard]] absl::StatusOr<std::vector<OwnedFd>> OpenTap(std::string_view name,
                                                           uint16_t queue_pairs);

}  // namespace mayfly::virtio
