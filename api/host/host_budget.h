#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/host/pids_limit.h"
#include "api/host/quota.h"
#include "api/host_config.capnp.h"

namespace mayfly::api {

// What this process may have of the host, and so how many VMs there can be: a service that finds
// out in the middle of a launch would fail those who are not to blame.
struct HostBudget {
  // The service's own: standard streams, sockets, the loop's, /dev/kvm, the jail, the cgroups.
  static constexpr uint64_t kOwnFiles = 64;
  // A socket, a pidfd, a pipe of last words, the socket of a detached one, and a directory in each
  // of up to four hierarchies of cgroups, the words of up to four networks of its user's; some more
  // while it is launched.
  static constexpr uint64_t kFilesPerVm = 14;
  // Its threads, and those that open files for its clients.
  static constexpr uint64_t kOwnPids = 16;
  // Of a VM with one vCPU: three threads, and one that KVM may have.
  static constexpr uint64_t kPidsPerVm = 4;

  uint64_t open_files = 0;
  uint32_t connections = 0;           // of as many in the configuration, those that can be had
  VmTotals total;                     // of `total` in the configuration, as far as it can be had
  std::vector<std::string> warnings;  // sentences

  // Raises the limit of open files as far as this process may. Errors: FailedPrecondition where
  // there is room for no VM at all; errno's.
  [[nodiscard]] static absl::StatusOr<HostBudget> Make(rpc::HostConfig::Reader config);
  // The same for what there is. Errors: FailedPrecondition.
  [[nodiscard]] static absl::StatusOr<HostBudget> Reckon(rpc::HostConfig::Reader config,
                                                         uint64_t open_files,
                                                         const PidsLimit& pids);
};

}  // namespace mayfly::api
