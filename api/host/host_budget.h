#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/host/quota.h"
#include "api/host_config.capnp.h"

namespace mayfly::api {

// What this process may have of the host, and so how many VMs there can be: a service that finds
// out in the middle of a launch would fail those who are not to blame.
struct HostBudget {
  uint64_t open_files = 0;
  uint32_t connections = 0;           // of as many in the configuration, those that can be had
  VmTotals total;                     // of `total` in the configuration, as far as it can be had
  std::vector<std::string> warnings;  // sentences

  // Raises the limit of open files as far as this process may. Errors: FailedPrecondition where
  // there is room for no VM at all; errno's.
  [[nodiscard]] static absl::StatusOr<HostBudget> Make(rpc::HostConfig::Reader config);
};

}  // namespace mayfly::api
