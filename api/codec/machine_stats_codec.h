#pragma once

#include "api/mayfly.capnp.h"
#include "vmm/machine_stats.h"

namespace mayfly::api {

void EncodeMachineStats(const vmm::MachineStats& stats, rpc::MachineStats::Builder builder);
// A state that a newer VMM knows and we do not is told as running.
[[nodiscard]] vmm::MachineStats DecodeMachineStats(rpc::MachineStats::Reader reader);

}  // namespace mayfly::api
