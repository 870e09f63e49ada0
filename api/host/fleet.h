#pragma once

#include <capnp/message.h>
#include <kj/async-io.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/host/host_budget.h"
#include "api/host/host_counters.h"
#include "api/host/host_log.h"
#include "api/host/openers.h"
#include "api/host/peer.h"
#include "api/host/per_user.h"
#include "api/host/quota.h"
#include "api/host/vm.h"
#include "api/host/vm_store.h"
#include "api/host_config.capnp.h"
#include "api/mayfly.capnp.h"
#include "api/server/event_feed.h"
#include "api/server/listener_share.h"
#include "base/owned_fd.h"
#include "jailer/cgroup/cgroup_limits.h"
#include "jailer/cgroup/cgroup_tree.h"
#include "jailer/jail.h"
#include "vmm/cpu_profile.h"

namespace mayfly::api {

// What VMs are started with: opened once, for all.
struct FleetResources {
  OwnedFd program;  // mayfly-vmm
  OwnedFd opener;   // what Openers starts
  jailer::Jail jail;
  jailer::CgroupTree cgroups;
  OwnedFd kvm;
  vmm::CpuProfile cpu_profile;

  // Removes the cgroups of dead owners, too. `cgroup_parent`: as in the configuration. Errors: one
  // sentence with its remedy.
  [[nodiscard]] static absl::StatusOr<FleetResources> Open(const std::string& cgroup_parent);
};

// How long a VMM is waited for that does not answer.
struct FleetPatience {
  kj::Duration launch = 2 * kj::MINUTES;  // the images of a detached VM may be slow to read
  kj::Duration answer = 5 * kj::SECONDS;  // to what takes no time
};

// All VMs of a host service.
//
// Threading: the thread of `io`.
class Fleet final : private kj::TaskSet::ErrorHandler {
 public:
  // `io` must outlive it; `state` is the directory for what has to be found again.
  Fleet(kj::AsyncIoContext& io, FleetResources resources, rpc::HostConfig::Reader config,
        const HostBudget& budget, std::string state, FleetPatience patience = {});
  KJ_DISALLOW_COPY(Fleet);

  // Starts the process of a new VM of `peer`'s; `facts` is completed. Errors: AlreadyExists for a
  // name that another VM of the owner's has, ResourceExhausted for more than `connection`, the user
  // or the host may have, Unavailable once no more are launched, others of the host's.
  [[nodiscard]] absl::StatusOr<VmRef> Start(const Peer& peer, VmFacts facts,
                                            rpc::MachineSpec::Reader spec,
                                            std::shared_ptr<Quota> connection);
  // The VM is on its way: see Vm::Begin().
  void Begin(Vm& vm, rpc::Machine::Client machine, Vm::State state);
  // Lets the VM outlive those who hold it, and this process; it is found again by `name`, which may
  // be empty where it has one; one that is detached already gets that name. Fulfilled when it is
  // so. Errors, as exceptions: InvalidArgument without a name, AlreadyExists for another VM's,
  // FailedPrecondition while another call detaches or attaches it, DeadlineExceeded for a VMM that
  // does not answer, those of the host; nothing is changed then. `vm` must be held until then.
  [[nodiscard]] kj::Promise<void> Detach(Vm& vm, const std::string& name);
  // Undoes it, whatever its VMM says to that. Errors: FailedPrecondition while it is detached.
  [[nodiscard]] kj::Promise<void> Attach(Vm& vm);
  // Asks the VM to end, and ends its process where that does not answer.
  [[nodiscard]] kj::Promise<void> Kill(Vm& vm);
  // Takes over the detached VMs of an earlier process. To be called once, before all else;
  // sentences about those that cannot be had are added to `complaints`.
  void AdoptAll(std::vector<std::string>& complaints);
  // Tells of what a program says that makes a network of the VM's: `words` is its pipe.
  void Listen(Vm& vm, OwnedFd words);
  [[nodiscard]] Openers& openers() { return openers_; }
  // For Vmm.create.
  [[nodiscard]] rpc::File::Client kvm() { return kvm_; }
  [[nodiscard]] rpc::CpuProfile::Reader cpu_profile() {
    return cpu_profile_.getRoot<rpc::CpuProfile>().asReader();
  }

  // A VM that `peer` may use: its own of that name, otherwise another's, otherwise the one whose
  // number `name` is ("12" or "#12"; no name begins with the latter). Errors: NotFound,
  // InvalidArgument for a text that is too long, FailedPrecondition where several others' have it.
  [[nodiscard]] absl::StatusOr<VmRef> Find(const Peer& peer, const std::string& name);
  // Those that are somebody's, in the order of their launches.
  void ForEach(const std::function<void(Vm&)>& visit);
  void ForEach(const std::function<void(const Vm&)>& visit) const;

  [[nodiscard]] EventFeed& events() { return events_; }
  // Tells `listener` of what happens to the VMs that `peer` may use, the events with numbers above
  // `since`. `connection`: the places of its connection. Errors: ResourceExhausted for more than
  // the connection, the user or the host may have.
  [[nodiscard]] absl::Status AttachListener(rpc::EventListener::Client listener, const Peer& peer,
                                            uint64_t since,
                                            std::shared_ptr<ListenerShare> connection);
  // The launch of a VM has come to its end, well or not.
  void CountLaunch(const Vm& vm);
  void CountFailure(const Peer& peer, const absl::Status& why);
  [[nodiscard]] const HostCounters& counters() const { return counters_; }
  [[nodiscard]] const Quota& total() const { return *total_; }

  // No VM starts any more. Fulfilled when the last has ended.
  [[nodiscard]] kj::Promise<void> Drain();
  // No VM starts any more, and all that there are end. Fulfilled when nothing is left of them.
  // Once.
  [[nodiscard]] kj::Promise<void> Close();

 private:
  // nullptr where `peer` may use none.
  [[nodiscard]] Vm* FindNumber(const Peer& peer, std::string_view text);
  [[nodiscard]] absl::Status CheckNewName(const std::string& name, uid_t owner) const;
  [[nodiscard]] std::shared_ptr<Quota> QuotaOf(uid_t user);
  // The VM with this process is there from now on.
  [[nodiscard]] Vm& Enter(VmOrigin origin, VmmProcess process);
  void Adopt(StoredVm stored);
  [[nodiscard]] kj::Promise<void> BeginDetaching(Vm& vm, const std::string& name);
  void Released(Vm& vm);
  // Its record goes.
  void Forget(Vm& vm);
  [[nodiscard]] absl::StatusOr<std::optional<jailer::Cgroup>> MakeCgroup(
      const jailer::CgroupLimits& limits);
  // To listeners, and to the log.
  void Tell(LogLevel level, Event event);
  // Asks the VM for its timeline, for the counters. `vm` must be held until then.
  [[nodiscard]] kj::Promise<void> CountSteps(Vm& vm);
  [[nodiscard]] kj::Promise<void> CountStepsOf(uint64_t id);
  [[nodiscard]] kj::Promise<void> WatchEnd(Vm& vm);
  void Retire(Vm& vm, const std::string& why);
  void SweepSoon();
  [[nodiscard]] kj::Promise<void> SweepUntilNoneIsBusy();
  void TellThoseWhoDrain();
  void taskFailed(kj::Exception&& exception) override;

  kj::AsyncIoContext& io_;
  const OwnedFd program_;
  Openers openers_;
  const jailer::Jail jail_;
  jailer::CgroupTree cgroups_;
  rpc::File::Client kvm_;
  capnp::MallocMessageBuilder cpu_profile_;
  const VmTotals each_user_;
  const bool always_in_cgroups_;
  const VmStore store_;
  const FleetPatience patience_;
  HostCounters counters_;
  EventFeed events_;
  const std::shared_ptr<ListenerShare> all_listeners_;
  PerUser<ListenerShare> listeners_;
  const std::shared_ptr<Quota> total_;
  PerUser<Quota> quotas_;
  bool closed_ = false;
  bool will_sweep_ = false;
  kj::Duration pause_before_sweep_ = 0 * kj::SECONDS;
  std::vector<kj::Own<kj::PromiseFulfiller<void>>> draining_;
  uint64_t last_id_ = 0;
  std::map<uint64_t, kj::Own<Vm>> vms_;
  kj::TaskSet watching_;
  kj::TaskSet leaving_;  // VMs on their way out; the last member, so that it goes first
};

}  // namespace mayfly::api
