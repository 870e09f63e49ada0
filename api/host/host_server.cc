#include "api/host/host_server.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "api/client/resource_limits_codec.h"
#include "api/codec/rpc_status.h"
#include "api/codec/text.h"
#include "api/host/launch_check.h"
#include "api/host/machine_info.h"
#include "api/host/machine_proxy.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

[[nodiscard]] bool HasAll(const Vm& vm, const std::vector<VmLabel>& wanted) {
  const std::vector<VmLabel>& labels = vm.facts().labels;
  return std::ranges::all_of(wanted, [&](const VmLabel& label) {
    return std::ranges::find(labels, label) != labels.end();
  });
}

// All but what the host alone gives: the client's files travel on as they came.
void FillRequest(Fleet& fleet, rpc::Host::LaunchParams::Reader params,
                 rpc::Vmm::CreateParams::Builder request) {
  request.setKvm(fleet.kvm());
  request.setSpec(params.getSpec());
  request.getSpec().setCpuProfile(fleet.cpu_profile());
  request.setStart(params.getStart());
  if (params.hasOutput()) request.setOutput(params.getOutput());
  if (params.hasListener()) request.setListener(params.getListener());
}

[[nodiscard]] absl::StatusOr<VmHold> StartProcess(Fleet& fleet, const Peer& peer,
                                                  rpc::Host::LaunchParams::Reader params) {
  MAYFLY_ASSIGN_OR_RETURN(VmFacts facts, DecodeFacts(params));
  MAYFLY_ASSIGN_OR_RETURN(const jailer::CgroupLimits limits,
                          DecodeResourceLimits(params.getSpec().getLimits()));
  facts.owner = peer.uid;
  return fleet.Start(std::move(facts), limits);
}

}  // namespace

kj::Promise<void> HostServer::launch(LaunchContext context) {
  const auto params = context.getParams();
  absl::StatusOr<VmHold> started = StartProcess(fleet_, peer_, params);
  if (!started.ok()) return ToException(started.status());
  VmHold vm = *std::move(started);
  auto request = vm->vmm().createRequest();
  FillRequest(fleet_, params, request);
  const auto state = params.getStart() ? Vm::State::RUNNING : Vm::State::CREATED;
  context.releaseParams();
  auto created = request.send();
  vm->Begin(created.getMachine(), state);
  auto machine = kj::heap<MachineProxy>(kj::mv(vm));
  return created.then([context, machine = kj::mv(machine)](
                          capnp::Response<rpc::Vmm::CreateResults>&& response) mutable {
    context.getResults().setMachine(kj::mv(machine));
    if (response.hasInput()) context.getResults().setInput(response.getInput());
  });
}

kj::Promise<void> HostServer::get(GetContext context) {
  absl::StatusOr<VmHold> vm = fleet_.Find(peer_, FromText(context.getParams().getName()));
  if (!vm.ok()) return ToException(vm.status());
  context.getResults().setMachine(kj::heap<MachineProxy>(*std::move(vm)));
  return kj::READY_NOW;
}

kj::Promise<void> HostServer::list(ListContext context) {
  const absl::StatusOr<std::vector<VmLabel>> wanted =
      DecodeLabels("labels", context.getParams().getLabels());
  if (!wanted.ok()) return ToException(wanted.status());
  std::vector<const Vm*> found;
  fleet_.ForEach([&](const Vm& vm) {
    if (peer_.MayUse(vm.facts().owner) && HasAll(vm, *wanted)) found.push_back(&vm);
  });
  auto machines = context.getResults().initMachines(static_cast<capnp::uint>(found.size()));
  capnp::uint position = 0;
  for (const Vm* const vm : found) EncodeMachineInfo(*vm, machines[position++]);
  return kj::READY_NOW;
}

}  // namespace mayfly::api
