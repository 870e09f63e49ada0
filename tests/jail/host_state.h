#pragma once

#include <map>
#include <set>
#include <string>

namespace mayfly::testing {

// What a VM could leave on its host, by kind: mounts, network interfaces, cgroups and shared memory
// of Mayfly's, System V objects, and open descriptors of this process. (Processes are seen by whom
// they are left to: CliTest.)
using HostState = std::map<std::string, std::set<std::string>>;

[[nodiscard]] HostState TakeHostState();

}  // namespace mayfly::testing
