#include "api/server/machine_server.h"

#include "absl/status/status.h"
#include "api/codec/exit_status_codec.h"
#include "api/codec/rpc_status.h"
#include "api/codec/timeline_codec.h"

namespace mayfly::api {

kj::Promise<void> MachineServer::start(StartContext) {
  if (const absl::Status status = machine_->Start(); !status.ok()) return ToException(status);
  return kj::READY_NOW;
}

kj::Promise<void> MachineServer::kill(KillContext) {
  machine_->Kill("the VM was ended by its host");
  return kj::READY_NOW;
}

kj::Promise<void> MachineServer::wait(WaitContext context) {
  return machine_->WhenReported().then([this, context]() mutable {
    EncodeExitStatus(machine_->exit_status(), context.getResults().initStatus());
  });
}

kj::Promise<void> MachineServer::console(ConsoleContext context) {
  if (!context.getParams().hasOutput()) {
    return ToException(absl::InvalidArgumentError("output: no stream is given"));
  }
  context.getResults().setInput(machine_->AttachConsole(context.getParams().getOutput()));
  return kj::READY_NOW;
}

kj::Promise<void> MachineServer::timeline(TimelineContext context) {
  EncodeTimeline(machine_->timeline(), context.getResults());
  return kj::READY_NOW;
}

}  // namespace mayfly::api
