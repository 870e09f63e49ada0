#include "api/host/machine_proxy.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "api/codec/exit_status_codec.h"
#include "api/codec/readable.h"
#include "api/codec/rpc_status.h"
#include "api/codec/text.h"
#include "api/host/process_usage.h"

namespace mayfly::api {
namespace {

// What is forwarded is held in both directions as long as the call lasts: a stream, or a listener.
constexpr size_t kMostCapabilities = 4;

// In the order of the schema.
enum class Method : uint16_t {
  kStart = 0,
  kKill = 1,
  kWait = 2,
  kStats = 8,
  kNarrow = 10,
  kDetach = 11,
  kAttach = 12,
  kPause = 13,
  kResume = 14,
};
constexpr std::array kOwn = {Method::kStart,  Method::kKill,   Method::kWait,
                             Method::kStats,  Method::kNarrow, Method::kDetach,
                             Method::kAttach, Method::kPause,  Method::kResume};

[[nodiscard]] bool IsOwn(uint64_t interface_id, uint16_t method_id) {
  return interface_id == capnp::typeId<rpc::Machine>() &&
         std::ranges::find(kOwn, static_cast<Method>(method_id)) != kOwn.end();
}

// What is still under way must not keep the VM of a client that is gone. The parameters go: what
// is in them has been taken.
template <typename Context>
void LetGoWithCaller(Context& context) {
  context.releaseParams();
  context.allowCancellation();
}

}  // namespace

MachineProxy::DispatchCallResult MachineProxy::dispatchCall(
    uint64_t interface_id, uint16_t method_id,
    capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) {
  return calls_->Count([&] {
    return Readable("parameters", [&] { return Dispatch(interface_id, method_id, context); });
  });
}

MachineProxy::DispatchCallResult MachineProxy::Dispatch(
    uint64_t interface_id, uint16_t method_id,
    capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) {
  if (interface_id == capnp::typeId<rpc::Machine>()) {
    const absl::Status allowed = permissions_.Check(method_id);
    if (!allowed.ok()) return {ToException(allowed), false};
  }
  if (IsOwn(interface_id, method_id)) {
    return rpc::Machine::Server::dispatchCall(interface_id, method_id, context);
  }
  const auto params = context.getParams();
  if (params.targetSize().capCount > kMostCapabilities) {
    return {ToException(absl::InvalidArgumentError("no call on a VM takes so many capabilities")),
            false};
  }
  auto request = vm_->machine().typelessRequest(interface_id, method_id, params.targetSize());
  request.set(params);
  LetGoWithCaller(context);
  return {context.tailCall(kj::mv(request)), false};
}

kj::Promise<void> MachineProxy::start(StartContext context) {
  LetGoWithCaller(context);
  return vm_->machine().startRequest().send().ignoreResult().then(
      [this] { vm_->SetState(Vm::State::RUNNING); });
}

kj::Promise<void> MachineProxy::kill(KillContext context) {
  LetGoWithCaller(context);
  return fleet_.Kill(*vm_);
}

kj::Promise<void> MachineProxy::pause(PauseContext context) {
  LetGoWithCaller(context);
  return vm_->machine().pauseRequest().send().ignoreResult().then(
      [this] { vm_->SetState(Vm::State::PAUSED); });
}

kj::Promise<void> MachineProxy::resume(ResumeContext context) {
  LetGoWithCaller(context);
  return vm_->machine().resumeRequest().send().ignoreResult().then(
      [this] { vm_->SetState(Vm::State::RUNNING); });
}

kj::Promise<void> MachineProxy::stats(StatsContext context) {
  LetGoWithCaller(context);
  return vm_->machine().statsRequest().send().then(
      [this, context](capnp::Response<rpc::Machine::StatsResults>&& response) mutable {
        context.getResults().setStats(response.getStats());
        auto stats = context.getResults().getStats();
        stats.setResidentBytes(ProcessUsage::Of(vm_->pid()).resident_bytes);
      });
}

kj::Promise<void> MachineProxy::wait(WaitContext context) {
  LetGoWithCaller(context);
  return vm_->WhenEnded().then(
      [context](const absl::StatusOr<vmm::ExitStatus>& status) mutable -> kj::Promise<void> {
        if (!status.ok()) return ToException(status.status());
        EncodeExitStatus(*status, context.getResults().initStatus());
        return kj::READY_NOW;
      });
}

kj::Promise<void> MachineProxy::narrow(NarrowContext context) {
  const auto narrowed = permissions_.Narrow(context.getParams().getPermissions());
  if (!narrowed.ok()) return ToException(narrowed.status());
  context.getResults().setMachine(
      kj::heap<MachineProxy>(fleet_, kj::addRef(*vm_), calls_, *narrowed));
  return kj::READY_NOW;
}

kj::Promise<void> MachineProxy::detach(DetachContext context) {
  return fleet_.Detach(*vm_, FromText(context.getParams().getName()));
}

kj::Promise<void> MachineProxy::attach(AttachContext) { return fleet_.Attach(*vm_); }

}  // namespace mayfly::api
