#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/cli/host/text_table.h"
#include "api/mayfly.capnp.h"

namespace mayfly::cli {

// VMs for people: a row each.
[[nodiscard]] TextTable MachineTable(const std::vector<rpc::MachineInfo::Reader>& machines);

// A VM's name; "#7", by its number, where it has none.
[[nodiscard]] std::string NameOf(rpc::MachineInfo::Reader machine);
[[nodiscard]] Cell StateCell(rpc::MachineState state);
// "1.5 s", "3 min", "2 h": for people.
[[nodiscard]] std::string FormatSpan(uint64_t nanoseconds);

}  // namespace mayfly::cli
