#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/host/spec_record.h"
#include "api/host/vm.h"
#include "base/owned_fd.h"

namespace mayfly::api {

// A detached VM, as its host finds it again.
struct StoredVm {
  VmFacts facts;
  SpecRecord spec;
  pid_t pid = 0;
  OwnedFd pidfd;   // of a process that is the one meant
  OwnedFd socket;  // connected to it
};

struct StoredVms {
  std::vector<StoredVm> vms;
  uint64_t highest_id = 0;  // of all that there are, also of those that cannot be had
};

// The detached VMs of a host, in its state directory: for each a socket on which its VMM listens,
// and a record of what the host knows of it. Nothing of it is the VMM's word.
class VmStore final {
 public:
  explicit VmStore(std::string directory) : directory_(std::move(directory)) {}

  // A socket for the VM to listen on, and its record, in which it is called `name`. Errors:
  // errno's; nothing is left then.
  [[nodiscard]] absl::StatusOr<OwnedFd> Add(const Vm& vm, const std::string& name) const;
  // Another name for one that is there. Errors: errno's; the record is as it was then.
  [[nodiscard]] absl::Status Rename(const Vm& vm, const std::string& name) const;
  void Remove(uint64_t id) const;
  // Those that still run; what is left of others is removed. `complaints` is added a sentence for
  // each that is there, but cannot be had.
  [[nodiscard]] StoredVms Load(std::vector<std::string>& complaints) const;

 private:
  [[nodiscard]] std::string SocketPath(uint64_t id) const;
  [[nodiscard]] std::string RecordPath(uint64_t id) const;
  [[nodiscard]] absl::Status WriteRecord(const Vm& vm, const std::string& name) const;
  // NotFound: it does not run any more.
  [[nodiscard]] absl::StatusOr<StoredVm> Find(uint64_t id) const;

  const std::string directory_;
};

}  // namespace mayfly::api
