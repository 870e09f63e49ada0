#pragma once

#include <sys/types.h>

#include <vector>

#include "api/host/fleet.h"
#include "api/host/host_counters.h"
#include "api/host/host_report.h"
#include "api/host/quota.h"

namespace mayfly::api {

// What there is to say of a host service at one moment, for a thread that is not the service's own.
struct HostSnapshot {
  HostCounters counters;
  StateCounts states{};
  VmTotals taken;
  VmTotals most;
  ConnectionCount connections;
  std::vector<pid_t> processes;  // of the VMs

  // Looks at no process: it takes a microsecond, and some nanoseconds for each VM.
  [[nodiscard]] static HostSnapshot Of(const Fleet& fleet, ConnectionCount connections);
};

}  // namespace mayfly::api
