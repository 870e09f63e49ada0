#include "api/host/fleet.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/client/cpu_profile_cache.h"
#include "api/client/open_file.h"
#include "api/codec/fd_file.h"
#include "api/codec/machine_spec.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

[[nodiscard]] Nanoseconds Now() { return std::chrono::system_clock::now().time_since_epoch(); }

}  // namespace

absl::StatusOr<FleetResources> FleetResources::Open() {
  MAYFLY_ASSIGN_OR_RETURN(OwnedFd program, VmmProcess::FindProgram());
  MAYFLY_ASSIGN_OR_RETURN(jailer::Jail jail, jailer::Jail::ForMany());
  MAYFLY_ASSIGN_OR_RETURN(jailer::CgroupTree cgroups,
                          jailer::CgroupTree::Find(jailer::CgroupSettings::ForThisProcess()));
  (void)cgroups.SweepAll();
  MAYFLY_ASSIGN_OR_RETURN(OwnedFd kvm, OpenKvm());
  MAYFLY_ASSIGN_OR_RETURN(vmm::CpuProfile profile, CpuProfileCache::OfUser().Get(kvm.get()));
  return FleetResources{.program = std::move(program),
                        .jail = std::move(jail),
                        .cgroups = std::move(cgroups),
                        .kvm = std::move(kvm),
                        .cpu_profile = std::move(profile)};
}

Fleet::Fleet(kj::AsyncIoContext& io, FleetResources resources)
    : io_(io),
      program_(std::move(resources.program)),
      jail_(std::move(resources.jail)),
      cgroups_(std::move(resources.cgroups)),
      kvm_(kj::heap<FdFile>(std::move(resources.kvm))),
      leaving_(*this) {
  EncodeCpuProfile(resources.cpu_profile, cpu_profile_.initRoot<rpc::CpuProfile>());
}

absl::Status Fleet::CheckNewName(const VmFacts& facts) const {
  if (facts.name.empty()) return absl::OkStatus();
  for (const auto& [id, vm] : vms_) {
    if (vm->is_leaving() || vm->facts().owner != facts.owner) continue;
    if (vm->facts().name == facts.name) {
      return absl::AlreadyExistsError(
          absl::StrCat("name: there is a VM \"", facts.name, "\" already; choose another name"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<jailer::Cgroup>> Fleet::MakeCgroup(
    const jailer::CgroupLimits& limits) {
  if (limits.Controllers().empty()) return std::nullopt;
  absl::StatusOr<jailer::Cgroup> cgroup = cgroups_.Make(limits);
  if (!cgroup.ok()) return Annotate(cgroup.status(), "limits");
  return std::optional<jailer::Cgroup>(*std::move(cgroup));
}

absl::StatusOr<VmHold> Fleet::Start(VmFacts facts, const jailer::CgroupLimits& limits) {
  if (closed_) return absl::UnavailableError("the host service is about to end; try again later");
  MAYFLY_RETURN_IF_ERROR(CheckNewName(facts));
  MAYFLY_ASSIGN_OR_RETURN(std::optional<jailer::Cgroup> cgroup, MakeCgroup(limits));
  MAYFLY_ASSIGN_OR_RETURN(VmmProcess process,
                          VmmProcess::Spawn(program_.get(), jail_, std::move(cgroup)));
  const uint64_t id = ++last_id_;
  facts.id = id;
  facts.launched_at = Now();
  auto vm = kj::refcounted<Vm>(io_, std::move(facts), std::move(process), [this](Vm& released) {
    Retire(released, "the VM's last client has gone");
  });
  VmHold hold(*vm);
  vms_.emplace(id, kj::mv(vm));
  return hold;
}

absl::StatusOr<VmHold> Fleet::Find(const Peer& peer, const std::string& name) {
  Vm* others = nullptr;
  bool several = false;
  for (auto& [id, entry] : vms_) {
    Vm& vm = *entry;
    if (name.empty() || vm.is_leaving() || vm.facts().name != name ||
        !peer.MayUse(vm.facts().owner))
      continue;
    if (vm.facts().owner == peer.uid) return VmHold(vm);
    several = several || others != nullptr;
    others = &vm;
  }
  if (others == nullptr) {
    return absl::NotFoundError(absl::StrCat("name: there is no VM \"", name, "\""));
  }
  if (several) {
    return absl::FailedPreconditionError(
        absl::StrCat("name: several users have a VM \"", name, "\", and you have none"));
  }
  return VmHold(*others);
}

void Fleet::ForEach(const std::function<void(const Vm&)>& visit) const {
  for (const auto& [id, vm] : vms_) {
    if (!vm->is_leaving()) visit(*vm);
  }
}

void Fleet::Retire(Vm& vm, const std::string& why) {
  if (vm.is_leaving()) return;
  leaving_.add(vm.TearDown(why).then([this, id = vm.facts().id] { vms_.erase(id); }));
}

kj::Promise<void> Fleet::Close() {
  closed_ = true;
  for (auto& [id, vm] : vms_) Retire(*vm, "the VM was ended with its host service");
  return leaving_.onEmpty();
}

// What is left of a VM that could not be taken down is the next start's to sweep.
void Fleet::taskFailed(kj::Exception&& exception) { KJ_LOG(ERROR, exception); }

}  // namespace mayfly::api
