#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "api/host/fleet.h"
#include "api/mayfly.capnp.h"

namespace mayfly::api {

// What a host tells of itself.

struct ConnectionCount {
  uint32_t now = 0;
  uint32_t most = 0;
};

void EncodeCapacity(const Fleet& fleet, ConnectionCount connections,
                    rpc::HostCapacity::Builder builder);
void EncodeStats(const Fleet& fleet, ConnectionCount connections, rpc::HostStats::Builder builder);

// How many VMs are in each state, by its number in the schema.
using StateCounts = std::array<uint32_t, static_cast<size_t>(rpc::MachineState::ENDED) + 1>;
[[nodiscard]] StateCounts CountStates(const Fleet& fleet);

}  // namespace mayfly::api
