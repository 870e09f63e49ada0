#pragma once

#include <capnp/message.h>
#include <kj/async-io.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/host/peer.h"
#include "api/host/vm.h"
#include "api/mayfly.capnp.h"
#include "base/owned_fd.h"
#include "jailer/cgroup/cgroup_limits.h"
#include "jailer/cgroup/cgroup_tree.h"
#include "jailer/jail.h"
#include "vmm/cpu_profile.h"

namespace mayfly::api {

// What VMs are started with: opened once, for all.
struct FleetResources {
  OwnedFd program;  // mayfly-vmm
  jailer::Jail jail;
  jailer::CgroupTree cgroups;
  OwnedFd kvm;
  vmm::CpuProfile cpu_profile;

  // Removes the cgroups of dead owners, too. Errors: one sentence with its remedy.
  [[nodiscard]] static absl::StatusOr<FleetResources> Open();
};

// All VMs of a host service.
//
// Threading: the thread of `io`.
class Fleet final : private kj::TaskSet::ErrorHandler {
 public:
  // `io` must outlive it.
  Fleet(kj::AsyncIoContext& io, FleetResources resources);
  KJ_DISALLOW_COPY(Fleet);

  // Starts the process of a new VM; `facts` is completed. Errors: AlreadyExists for a name that
  // another VM of the owner's has, Unavailable once Close() was called, others of the host's.
  [[nodiscard]] absl::StatusOr<VmHold> Start(VmFacts facts, const jailer::CgroupLimits& limits);
  // For Vmm.create.
  [[nodiscard]] rpc::File::Client kvm() { return kvm_; }
  [[nodiscard]] rpc::CpuProfile::Reader cpu_profile() {
    return cpu_profile_.getRoot<rpc::CpuProfile>().asReader();
  }

  // A living VM that `peer` may use: its own of that name, otherwise another's. Errors: NotFound,
  // FailedPrecondition where several others' have it.
  [[nodiscard]] absl::StatusOr<VmHold> Find(const Peer& peer, const std::string& name);
  // Those that are somebody's, in the order of their launches.
  void ForEach(const std::function<void(const Vm&)>& visit) const;

  // No VM starts any more, and all that there are end. Fulfilled when nothing is left of them.
  // Once.
  [[nodiscard]] kj::Promise<void> Close();

 private:
  [[nodiscard]] absl::Status CheckNewName(const VmFacts& facts) const;
  [[nodiscard]] absl::StatusOr<std::optional<jailer::Cgroup>> MakeCgroup(
      const jailer::CgroupLimits& limits);
  void Retire(Vm& vm, const std::string& why);
  void taskFailed(kj::Exception&& exception) override;

  kj::AsyncIoContext& io_;
  const OwnedFd program_;
  const jailer::Jail jail_;
  jailer::CgroupTree cgroups_;
  rpc::File::Client kvm_;
  capnp::MallocMessageBuilder cpu_profile_;
  bool closed_ = false;
  uint64_t last_id_ = 0;
  std::map<uint64_t, kj::Own<Vm>> vms_;
  kj::TaskSet leaving_;  // VMs on their way out; the last member, so that it goes first
};

}  // namespace mayfly::api
