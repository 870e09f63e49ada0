// The part of Fleet that is about VMs which outlive it.

#include <utility>

#include "absl/strings/str_cat.h"
#include "api/codec/fd_file.h"
#include "api/codec/rpc_status.h"
#include "api/host/fleet.h"
#include "api/host/launch_check.h"
#include "base/status.h"

namespace mayfly::api {

kj::Promise<void> Fleet::Detach(Vm& vm, const std::string& name) {
  if (vm.is_leaving()) return ToException(absl::FailedPreconditionError("the VM is ending"));
  if (const absl::Status status = CheckName(name); !status.ok()) return ToException(status);
  if (name.empty() && vm.facts().name.empty()) {
    return ToException(absl::InvalidArgumentError(
        "name: a VM that is detached needs one, by which it is found again"));
  }
  if (!name.empty() && name != vm.facts().name) {
    const absl::Status status = CheckNewName(name, vm.facts().owner);
    if (!status.ok()) return ToException(status);
    vm.SetName(name);
  }
  absl::StatusOr<OwnedFd> socket = store_.Add(vm);
  if (!socket.ok()) return ToException(Annotate(socket.status(), "detaching the VM"));
  vm.SetStored(true);
  auto listen = vm.vmm().listenRequest();
  listen.setSocket(kj::heap<FdFile>(*std::move(socket)));
  // In one go: the VMM does one after the other.
  auto listening = listen.send().ignoreResult();
  auto detached = vm.machine().detachRequest().send().ignoreResult();
  return listening.then([detached = kj::mv(detached)]() mutable { return kj::mv(detached); })
      .then([&vm] { vm.SetDetached(true); })
      .catch_([this, &vm](kj::Exception&& exception) {
        Forget(vm);
        kj::throwFatalException(kj::mv(exception));
      });
}

kj::Promise<void> Fleet::Attach(Vm& vm) {
  auto attached =
      vm.machine().attachRequest().send().ignoreResult().catch_([](kj::Exception&& exception) {
        // A VMM that is gone holds nothing.
        if (exception.getType() == kj::Exception::Type::DISCONNECTED) return;
        kj::throwFatalException(kj::mv(exception));
      });
  return attached.then([this, &vm] {
    Forget(vm);
    vm.SetDetached(false);
    if (!vm.is_held()) Released(vm);
  });
}

void Fleet::Forget(Vm& vm) {
  if (vm.is_stored()) store_.Remove(vm.facts().id);
  vm.SetStored(false);
}

void Fleet::AdoptAll(std::vector<std::string>& complaints) {
  for (StoredVm& stored : store_.Load(complaints)) Adopt(std::move(stored));
}

void Fleet::Adopt(StoredVm stored) {
  const VmTotals totals = {
      .machines = 1, .memory_bytes = stored.facts.memory_bytes, .cpus = stored.facts.cpus};
  auto share = QuotaShare::TakeAnyway({QuotaOf(stored.facts.owner), total_}, totals);
  Vm& vm = Enter(
      {.facts = std::move(stored.facts), .spec = std::move(stored.spec), .share = std::move(share)},
      VmmProcess::Adopt(stored.pid, std::move(stored.pidfd), std::move(stored.socket)));
  vm.SetDetached(true);
  vm.SetStored(true);
  rpc::Machine::Client machine = vm.vmm().machineRequest().send().getMachine();
  Begin(vm, machine, Vm::State::RUNNING);
  auto asked = machine.statsRequest().send().then(
      [&vm](capnp::Response<rpc::Machine::StatsResults>&& response) {
        vm.SetState(response.getStats().getState());
      });
  watching_.add(asked.attach(kj::addRef(vm)).catch_([](kj::Exception&&) {}));
}

}  // namespace mayfly::api
