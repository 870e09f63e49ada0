#include "api/server/vmm_server.h"

#include <utility>

#include "api/codec/rpc_status.h"
#include "api/server/machine_server.h"
#include "base/status.h"

namespace mayfly::api {

kj::Promise<void> VmmServer::create(CreateContext context) {
  timeline_->Record(TimelineStep::kSpecReceived);
  return DecodeSpec(context.getParams())
      .then([this, context](kj::Own<MachineSpec> spec) mutable -> kj::Promise<void> {
        const absl::Status status = Create(std::move(*spec), context);
        if (!status.ok()) return ToException(status);
        return kj::READY_NOW;
      });
}

absl::Status VmmServer::Create(MachineSpec spec, CreateContext& context) {
  if (slot_->machine != nullptr) {
    return absl::FailedPreconditionError(
        "this VMM process has its VM already; start another for another VM");
  }
  spec.machine.thread_setup = thread_setup_;
  MAYFLY_ASSIGN_OR_RETURN(kj::Own<HostedMachine> machine,
                          HostedMachine::Create(std::move(spec), timeline_, port_));
  const rpc::Vmm::CreateParams::Reader params = context.getParams();
  if (params.getStart()) MAYFLY_RETURN_IF_ERROR(machine->Start());
  if (params.hasListener()) {
    MAYFLY_RETURN_IF_ERROR(machine->AttachListener(params.getListener()));
  }
  // The console keeps what the guest writes until then.
  if (params.hasOutput()) {
    context.getResults().setInput(machine->AttachConsole(params.getOutput()));
  }
  context.getResults().setMachine(kj::heap<MachineServer>(kj::addRef(*machine), Permissions::All(),
                                                          VmHold(kj::addRef(*slot_))));
  slot_->machine = std::move(machine);
  return absl::OkStatus();
}

}  // namespace mayfly::api
