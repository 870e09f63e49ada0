#pragma once

#include "virtio/net/net.h"
#include "vmm/device_stats.h"

namespace mayfly::vmm {

// What `net` has counted, in words for people. Threading: the io thread's.
[[nodiscard]] NetStats StatsOf(const virtio::Net& net);

}  // namespace mayfly::vmm
