#pragma once

#include "api/mayfly.capnp.h"
#include "api/server/hosted_machine.h"

namespace mayfly::api {

// The `Machine` capability. When its last holder lets go of it, it says so.
class MachineServer final : public rpc::Machine::Server {
 public:
  MachineServer(kj::Own<HostedMachine> machine, kj::Own<kj::PromiseFulfiller<void>> released)
      : machine_(kj::mv(machine)), released_(kj::mv(released)) {}
  KJ_DISALLOW_COPY(MachineServer);
  ~MachineServer() noexcept(false) { released_->fulfill(); }

 protected:
  kj::Promise<void> start(StartContext context) override;
  kj::Promise<void> kill(KillContext context) override;
  kj::Promise<void> wait(WaitContext context) override;
  kj::Promise<void> console(ConsoleContext context) override;
  kj::Promise<void> timeline(TimelineContext context) override;
  kj::Promise<void> updateDisk(UpdateDiskContext context) override;
  kj::Promise<void> updateNet(UpdateNetContext context) override;
  kj::Promise<void> resizeDisk(ResizeDiskContext context) override;
  kj::Promise<void> deviceStats(DeviceStatsContext context) override;
  kj::Promise<void> events(EventsContext context) override;

 private:
  kj::Own<HostedMachine> machine_;
  kj::Own<kj::PromiseFulfiller<void>> released_;
};

}  // namespace mayfly::api
