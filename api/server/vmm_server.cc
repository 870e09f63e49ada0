#include "api/server/vmm_server.h"

#include <utility>

#include "api/codec/rpc_status.h"
#include "api/server/machine_server.h"
#include "base/status.h"

namespace mayfly::api {

VmSlot::VmSlot() {
  auto pair = kj::newPromiseAndFulfiller<void>();
  release = std::move(pair.fulfiller);
  released = std::move(pair.promise);
}

kj::Promise<void> VmmServer::create(CreateContext context) {
  timeline_->Record(TimelineStep::kSpecReceived);
  return DecodeSpec(context.getParams())
      .then([this, context](kj::Own<MachineSpec> spec) mutable -> kj::Promise<void> {
        absl::StatusOr<rpc::Machine::Client> machine = Create(std::move(*spec));
        if (!machine.ok()) return ToException(machine.status());
        context.getResults().setMachine(*std::move(machine));
        return kj::READY_NOW;
      });
}

absl::StatusOr<rpc::Machine::Client> VmmServer::Create(MachineSpec spec) {
  if (slot_->machine != nullptr) {
    return absl::FailedPreconditionError(
        "this VMM process has its VM already; start another for another VM");
  }
  MAYFLY_ASSIGN_OR_RETURN(kj::Own<HostedMachine> machine,
                          HostedMachine::Create(std::move(spec), timeline_, port_));
  rpc::Machine::Client client =
      kj::heap<MachineServer>(kj::addRef(*machine), std::move(slot_->release));
  slot_->machine = std::move(machine);
  return client;
}

}  // namespace mayfly::api
