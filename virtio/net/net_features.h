#pragma once

#include <cstdint>

#include "virtio/protocol/net_protocol.h"

namespace mayfly::virtio {

// `features` without those of virtio-net that need others which are not there
// (virtio 1.2, 5.1.3.1).
[[nodiscard]] uint64_t WithoutUnmetNetFeatures(uint64_t features);

}  // namespace mayfly::virtio
