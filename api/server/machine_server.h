#pragma once

#include "api/codec/permissions.h"
#include "api/mayfly.capnp.h"
#include "api/server/hosted_machine.h"
#include "api/server/vm_slot.h"

namespace mayfly::api {

// The `Machine` capability, narrowed or not.
class MachineServer final : public rpc::Machine::Server {
 public:
  // `hold`, where there is one, goes when the last holder has let go of the capability.
  MachineServer(kj::Own<HostedMachine> machine, Permissions permissions, kj::Maybe<VmHold> hold)
      : machine_(kj::mv(machine)), permissions_(permissions), hold_(kj::mv(hold)) {}
  KJ_DISALLOW_COPY(MachineServer);

  DispatchCallResult dispatchCall(
      uint64_t interface, uint16_t method,
      capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) override;

 protected:
  kj::Promise<void> start(StartContext context) override;
  kj::Promise<void> kill(KillContext context) override;
  kj::Promise<void> wait(WaitContext context) override;
  kj::Promise<void> console(ConsoleContext context) override;
  kj::Promise<void> timeline(TimelineContext context) override;
  kj::Promise<void> updateDisk(UpdateDiskContext context) override;
  kj::Promise<void> updateNet(UpdateNetContext context) override;
  kj::Promise<void> resizeDisk(ResizeDiskContext context) override;
  kj::Promise<void> stats(StatsContext context) override;
  kj::Promise<void> events(EventsContext context) override;
  kj::Promise<void> narrow(NarrowContext context) override;

 private:
  kj::Own<HostedMachine> machine_;
  const Permissions permissions_;
  const kj::Maybe<VmHold> hold_;
};

}  // namespace mayfly::api
