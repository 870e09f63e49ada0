#pragma once

#include "api/mayfly.capnp.h"
#include "vmm/device_stats.h"

namespace mayfly::api {

void EncodeDeviceStats(const vmm::DeviceStats& stats,
                       rpc::Machine::DeviceStatsResults::Builder builder);
[[nodiscard]] vmm::DeviceStats DecodeDeviceStats(rpc::Machine::DeviceStatsResults::Reader reader);

}  // namespace mayfly::api
