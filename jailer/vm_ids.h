#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>

namespace mayfly::jailer {

// User and group numbers of VMs: each VM has one of its own, which nobody else on the host has.
//
// The number follows from the process number, which is unique among those that live: nothing is
// kept on disk, no two starters need to agree, and none is left behind. The range is one that
// systemd's table of user numbers leaves unused (https://systemd.io/UIDS-GIDS), as wide as process
// numbers can be (PID_MAX_LIMIT in the kernel).
inline constexpr uid_t kFirstVmId = 0x7000'0000;
inline constexpr uid_t kVmIds = uid_t{1} << 22;

// The user and group of the VM whose process has this number in the starter's pid namespace.
[[nodiscard]] constexpr uid_t VmId(pid_t pid) {
  return kFirstVmId + static_cast<uid_t>(pid) % kVmIds;
}

// Whether `map`, the text of a /proc/PID/uid_map or gid_map (user_namespaces(7)), has the whole
// range.
[[nodiscard]] bool MapsVmIds(std::string_view map);

}  // namespace mayfly::jailer
