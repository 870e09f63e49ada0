#pragma once

#include "api/codec/permissions.h"
#include "api/mayfly.capnp.h"
#include "api/server/hosted_machine.h"
#include "api/server/vm_slot.h"

namespace mayfly::api {

// The `Machine` capability, narrowed or not.
class MachineServer final : public rpc::Machine::Server {
 public:
  // One that may do all, and keeps the VM of `slot`, which is `machine`, alive.
  MachineServer(kj::Own<HostedMachine> machine, kj::Own<VmSlot> slot)
      : machine_(kj::mv(machine)),
        slot_(kj::mv(slot)),
        permissions_(Permissions::All()),
        hold_(VmHold(kj::addRef(*slot_))) {}
  // One that does not keep it alive.
  MachineServer(kj::Own<HostedMachine> machine, kj::Own<VmSlot> slot, Permissions permissions)
      : machine_(kj::mv(machine)), slot_(kj::mv(slot)), permissions_(permissions) {}
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
  kj::Promise<void> detach(DetachContext context) override;
  kj::Promise<void> attach(AttachContext context) override;
  kj::Promise<void> pause(PauseContext context) override;
  kj::Promise<void> resume(ResumeContext context) override;
  kj::Promise<void> powerButton(PowerButtonContext context) override;

 private:
  kj::Own<HostedMachine> machine_;
  kj::Own<VmSlot> slot_;
  const Permissions permissions_;
  const kj::Maybe<VmHold> hold_;
};

}  // namespace mayfly::api
