#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mayfly::virtio {

// Leaves the network of the host for a new, empty one, whose interfaces say nothing of their own:
// what is done to interfaces from then on, by this process and those it starts, concerns nobody
// else. Before any thread is started; once for a process. Errors: PermissionDenied and others for
// those who are neither root nor may have a user namespace.
[[nodiscard]] absl::Status EnterEmptyNetwork();

// Switches an interface on, and returns its index.
[[nodiscard]] absl::StatusOr<int> BringUp(std::string_view interface);

}  // namespace mayfly::virtio
