#pragma once

#include "api/host/vm.h"
#include "api/mayfly.capnp.h"

namespace mayfly::api {

// A client's `Machine`: most calls go on to the VM's own, in its process; what only the host can
// answer, or has to know, is done here. It holds the VM.
class MachineProxy final : public rpc::Machine::Server {
 public:
  explicit MachineProxy(VmHold vm) : vm_(kj::mv(vm)) {}

  // Calls that are not among the ones below, be they of a newer schema than ours, are forwarded as
  // they are. All end when their caller goes.
  DispatchCallResult dispatchCall(
      uint64_t interface_id, uint16_t method_id,
      capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) override;

 protected:
  kj::Promise<void> start(StartContext context) override;
  // Tells how the VMM died, too, where that is what happened.
  kj::Promise<void> wait(WaitContext context) override;

 private:
  const VmHold vm_;
};

}  // namespace mayfly::api
