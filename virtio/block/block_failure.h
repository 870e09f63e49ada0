#pragma once

#include <string>

#include "virtio/block/block_backend.h"

namespace mayfly::virtio {

// One sentence for the host about a request that came to `error`, an errno value: what was tried,
// what was wrong, and what to do.
[[nodiscard]] std::string DescribeFailure(const BlockRequest& request, int error);

}  // namespace mayfly::virtio
