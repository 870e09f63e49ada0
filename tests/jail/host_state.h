#pragma once

#include <map>
#include <set>
#include <string>

namespace mayfly::testing {

// What a VM could leave on its host, by kind: mounts, network interfaces, cgroups and shared memory
// of Mayfly's, System V objects, Unix sockets below a directory and of passt's; of this process,
// open descriptors and living processes that descend from it. (A test that adopts orphans, as
// CliTest does, has all that were started for it among them.)
using HostState = std::map<std::string, std::set<std::string>>;

[[nodiscard]] HostState TakeHostState(const std::string& directory);

// What there is now and was not `before`, when the kernel has had its time to free things. Usually
// nothing.
[[nodiscard]] HostState LeftSince(const HostState& before, const std::string& directory);

}  // namespace mayfly::testing
