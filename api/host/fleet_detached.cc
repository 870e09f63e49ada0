// The part of Fleet that is about VMs which outlive it.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/codec/fd_file.h"
#include "api/codec/rpc_status.h"
#include "api/host/fleet.h"
#include "api/host/launch_check.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

[[nodiscard]] absl::Status Busy() {
  return absl::FailedPreconditionError(
      "the VM is being detached or attached by another call; try again");
}

[[nodiscard]] bool IsOfTheLiving(Vm::State state) {
  return state == Vm::State::CREATED || state == Vm::State::RUNNING || state == Vm::State::PAUSED;
}

}  // namespace

kj::Promise<void> Fleet::Detach(Vm& vm, const std::string& name) {
  if (vm.is_leaving()) return ToException(absl::FailedPreconditionError("the VM is ending"));
  if (const absl::Status status = CheckName(name); !status.ok()) return ToException(status);
  if (name.empty() && vm.facts().name.empty()) {
    return ToException(absl::InvalidArgumentError(
        "name: a VM that is detached needs one, by which it is found again"));
  }
  const std::string& wanted = name.empty() ? vm.facts().name : name;
  if (wanted != vm.facts().name) {
    const absl::Status status = CheckNewName(wanted, vm.facts().owner);
    if (!status.ok()) return ToException(status);
  }
  if (vm.keeping() == VmKeeping::kHeld) return BeginDetaching(vm, wanted);
  if (vm.keeping() != VmKeeping::kDetached) return ToException(Busy());
  if (wanted == vm.facts().name) return kj::READY_NOW;
  const absl::Status status = store_.Rename(vm, wanted);
  if (!status.ok()) return ToException(Annotate(status, "renaming the VM"));
  vm.SetName(wanted);
  return kj::READY_NOW;
}

kj::Promise<void> Fleet::BeginDetaching(Vm& vm, const std::string& name) {
  absl::StatusOr<OwnedFd> socket = store_.Add(vm, name);
  if (!socket.ok()) return ToException(Annotate(socket.status(), "detaching the VM"));
  vm.SetKeeping(VmKeeping::kDetaching);
  // From now on, lest another VM gets it meanwhile.
  std::string former = vm.facts().name;
  vm.SetName(name);
  auto listen = vm.vmm().listenRequest();
  listen.setSocket(kj::heap<FdFile>(*std::move(socket)));
  auto detached = listen.send().ignoreResult().then(
      [&vm] { return vm.machine().detachRequest().send().ignoreResult(); });
  auto expired = io_.provider->getTimer().afterDelay(patience_.launch).then([] {
    kj::throwFatalException(ToException(
        absl::DeadlineExceededError("the VM's process does not answer; end the VM (kill)")));
  });
  return detached.exclusiveJoin(kj::mv(expired))
      .then([&vm] {
        // Otherwise the host has ended it meanwhile.
        if (vm.keeping() == VmKeeping::kDetaching) vm.SetKeeping(VmKeeping::kDetached);
      })
      .catch_([this, &vm, former = std::move(former)](kj::Exception&& exception) {
        Forget(vm);
        vm.SetName(former);
        // It may have done so all the same, or do so yet.
        watching_.add(
            vm.machine().attachRequest().send().ignoreResult().catch_([](kj::Exception&&) {}));
        kj::throwFatalException(kj::mv(exception));
      });
}

kj::Promise<void> Fleet::Attach(Vm& vm) {
  if (vm.is_leaving() || vm.keeping() == VmKeeping::kHeld) return kj::READY_NOW;
  if (vm.keeping() == VmKeeping::kDetaching) return ToException(Busy());
  vm.SetKeeping(VmKeeping::kAttaching);
  // The host keeps it from now on, and ends it, whatever its process makes of this.
  auto told = vm.machine().attachRequest().send().ignoreResult().catch_([](kj::Exception&&) {});
  auto expired = io_.provider->getTimer().afterDelay(patience_.answer);
  return told.exclusiveJoin(kj::mv(expired)).then([this, &vm] {
    // Otherwise another call was first.
    if (vm.keeping() != VmKeeping::kAttaching) return;
    Forget(vm);
    if (!vm.is_held()) Released(vm);
  });
}

kj::Promise<void> Fleet::Kill(Vm& vm) {
  auto killed = vm.machine().killRequest().send().ignoreResult();
  auto expired = io_.provider->getTimer().afterDelay(patience_.answer);
  return killed.exclusiveJoin(expired.then([&vm] { vm.KillProcess(); }));
}

void Fleet::Forget(Vm& vm) {
  if (vm.keeping() == VmKeeping::kHeld) return;
  store_.Remove(vm.facts().id);
  vm.SetKeeping(VmKeeping::kHeld);
}

void Fleet::AdoptAll(std::vector<std::string>& complaints) {
  StoredVms stored = store_.Load(complaints);
  for (StoredVm& vm : stored.vms) Adopt(std::move(vm));
  last_id_ = std::max(last_id_, stored.highest_id);
}

void Fleet::Adopt(StoredVm stored) {
  const VmTotals totals = {
      .machines = 1, .memory_bytes = stored.facts.memory_bytes, .cpus = stored.facts.cpus};
  auto share = QuotaShare::TakeAnyway({QuotaOf(stored.facts.owner), total_}, totals);
  Vm& vm = Enter(
      {.facts = std::move(stored.facts), .spec = std::move(stored.spec), .share = std::move(share)},
      VmmProcess::Adopt(stored.pid, std::move(stored.pidfd), std::move(stored.socket)));
  vm.SetKeeping(VmKeeping::kDetached);
  rpc::Machine::Client machine = vm.vmm().machineRequest().send().getMachine();
  Begin(vm, machine, Vm::State::RUNNING);
  auto asked = machine.statsRequest().send().then(
      [&vm](capnp::Response<rpc::Machine::StatsResults>&& response) {
        const Vm::State state = response.getStats().getState();
        // That it has ended, its end says; and a VMM may say anything.
        if (IsOfTheLiving(state)) vm.SetState(state);
      });
  watching_.add(asked.attach(kj::addRef(vm)).catch_([](kj::Exception&&) {}));
}

}  // namespace mayfly::api
