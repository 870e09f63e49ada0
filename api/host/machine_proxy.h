#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "api/codec/permissions.h"
#include "api/host/call_limit.h"
#include "api/host/fleet.h"
#include "api/host/vm.h"
#include "api/mayfly.capnp.h"

namespace mayfly::api {

// A client's `Machine`: most calls go on to the VM's own, in its process; what only the host can
// answer, or has to know, is done here.
class MachineProxy final : public rpc::Machine::Server {
 public:
  // One that may do all, and holds the VM. `fleet` must outlive it.
  // `calls`: those of its connection.
  MachineProxy(Fleet& fleet, VmRef vm, std::shared_ptr<CallLimit> calls)
      : fleet_(fleet), vm_(kj::addRef(*vm)), calls_(std::move(calls)), hold_(kj::mv(vm)) {}
  // One that was given away by Machine.narrow.
  MachineProxy(Fleet& fleet, kj::Own<Vm> vm, std::shared_ptr<CallLimit> calls,
               Permissions permissions)
      : fleet_(fleet), vm_(kj::mv(vm)), calls_(std::move(calls)), permissions_(permissions) {}

  // Calls that are not among the ones below, be they of a newer schema than ours, are forwarded as
  // they are. All end when their caller goes.
  DispatchCallResult dispatchCall(
      uint64_t interface_id, uint16_t method_id,
      capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) override;

 protected:
  // Adds what a VMM in its jail cannot know of itself.
  kj::Promise<void> stats(StatsContext context) override;
  // These three are known by the list of VMs, too.
  kj::Promise<void> start(StartContext context) override;
  kj::Promise<void> pause(PauseContext context) override;
  kj::Promise<void> resume(ResumeContext context) override;
  // Ends a VMM that does not do it.
  kj::Promise<void> kill(KillContext context) override;
  // Tells how the VMM died, too, where that is what happened.
  kj::Promise<void> wait(WaitContext context) override;
  kj::Promise<void> narrow(NarrowContext context) override;
  kj::Promise<void> detach(DetachContext context) override;
  kj::Promise<void> attach(AttachContext context) override;

 private:
  [[nodiscard]] DispatchCallResult Dispatch(
      uint64_t interface_id, uint16_t method_id,
      capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context);

  Fleet& fleet_;
  kj::Own<Vm> vm_;
  const std::shared_ptr<CallLimit> calls_;
  const Permissions permissions_ = Permissions::All();
  const std::optional<VmRef> hold_;
};

}  // namespace mayfly::api
