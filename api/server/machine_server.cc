#include "api/server/machine_server.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/codec/exit_status_codec.h"
#include "api/codec/machine_stats_codec.h"
#include "api/codec/rate_limits_codec.h"
#include "api/codec/rpc_status.h"
#include "api/codec/timeline_codec.h"

namespace mayfly::api {
namespace {

[[nodiscard]] kj::Promise<void> Answer(const absl::Status& status) {
  if (!status.ok()) return ToException(status);
  return kj::READY_NOW;
}

}  // namespace

capnp::Capability::Server::DispatchCallResult MachineServer::dispatchCall(
    uint64_t interface, uint16_t method,
    capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) {
  if (interface == capnp::typeId<rpc::Machine>()) {
    const absl::Status allowed = permissions_.Check(method);
    if (!allowed.ok()) return {ToException(allowed), /*isStreaming=*/false};
  }
  return rpc::Machine::Server::dispatchCall(interface, method, context);
}

kj::Promise<void> MachineServer::start(StartContext) { return Answer(machine_->Start()); }

kj::Promise<void> MachineServer::kill(KillContext) {
  machine_->Kill("the VM was ended by its host");
  return kj::READY_NOW;
}

kj::Promise<void> MachineServer::wait(WaitContext context) {
  // A client that goes takes its question along, which would hold the VM.
  context.allowCancellation();
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

kj::Promise<void> MachineServer::updateDisk(UpdateDiskContext context) {
  const auto params = context.getParams();
  return Answer(
      machine_->machine().UpdateDisk(params.getDisk(), DecodeRateLimits(params.getLimits())));
}

kj::Promise<void> MachineServer::updateNet(UpdateNetContext context) {
  const auto params = context.getParams();
  std::optional<virtio::RateLimits> transmit;
  std::optional<virtio::RateLimits> receive;
  if (params.hasTransmit()) transmit = DecodeRateLimits(params.getTransmit());
  if (params.hasReceive()) receive = DecodeRateLimits(params.getReceive());
  return Answer(machine_->machine().UpdateNet(params.getNet(), transmit, receive));
}

kj::Promise<void> MachineServer::resizeDisk(ResizeDiskContext context) {
  const absl::StatusOr<uint64_t> bytes =
      machine_->machine().ResizeDisk(context.getParams().getDisk());
  if (!bytes.ok()) return ToException(bytes.status());
  context.getResults().setBytes(*bytes);
  return kj::READY_NOW;
}

kj::Promise<void> MachineServer::stats(StatsContext context) {
  EncodeMachineStats(machine_->stats(), context.getResults().initStats());
  return kj::READY_NOW;
}

kj::Promise<void> MachineServer::events(EventsContext context) {
  if (!context.getParams().hasListener()) {
    return ToException(absl::InvalidArgumentError("listener: none is given"));
  }
  return Answer(machine_->AttachListener(context.getParams().getListener()));
}

kj::Promise<void> MachineServer::narrow(NarrowContext context) {
  const absl::StatusOr<Permissions> permissions =
      permissions_.Narrow(context.getParams().getPermissions());
  if (!permissions.ok()) return ToException(permissions.status());
  context.getResults().setMachine(
      kj::heap<MachineServer>(kj::addRef(*machine_), kj::addRef(*slot_), *permissions));
  return kj::READY_NOW;
}

kj::Promise<void> MachineServer::detach(DetachContext) { return Answer(slot_->Detach()); }

kj::Promise<void> MachineServer::pause(PauseContext) { return Answer(machine_->Pause()); }

kj::Promise<void> MachineServer::resume(ResumeContext) { return Answer(machine_->Resume()); }

kj::Promise<void> MachineServer::powerButton(PowerButtonContext) {
  return Answer(machine_->machine().PressPowerButton());
}

kj::Promise<void> MachineServer::attach(AttachContext) {
  slot_->Attach();
  return kj::READY_NOW;
}

}  // namespace mayfly::api
