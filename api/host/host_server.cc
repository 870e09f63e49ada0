#include "api/host/host_server.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "api/codec/readable.h"
#include "api/codec/rpc_status.h"
#include "api/codec/text.h"
#include "api/host/launch_check.h"
#include "api/host/machine_info.h"
#include "api/host/machine_proxy.h"
#include "api/host/vm_listener.h"
#include "base/clock.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

[[nodiscard]] bool HasAll(const Vm& vm, const std::vector<VmLabel>& wanted) {
  const std::vector<VmLabel>& labels = vm.facts().labels;
  return std::ranges::all_of(wanted, [&](const VmLabel& label) {
    return std::ranges::find(labels, label) != labels.end();
  });
}

// What the client gives, and what the host alone has: the client's files travel on as they came.
void FillRequest(Fleet& fleet, rpc::Host::LaunchParams::Reader params, NamedFiles files,
                 rpc::Vmm::CreateParams::Builder request) {
  request.setKvm(fleet.kvm());
  request.setSpec(params.getSpec());
  files.PutInto(request.getSpec());
  request.getSpec().setCpuProfile(fleet.cpu_profile());
  request.setStart(params.getStart());
  if (params.hasOutput()) request.setOutput(params.getOutput());
  if (params.hasListener()) request.setListener(params.getListener());
}

constexpr uint16_t kList = 2;  // the method's number in the schema

using MaybeInput = kj::Maybe<rpc::ByteStream::Client>;

[[nodiscard]] MaybeInput InputOf(rpc::Vmm::CreateResults::Reader created) {
  if (!created.hasInput()) return nullptr;
  return created.getInput();
}

void SetJailLacks(const std::vector<std::string>& lacks,
                  rpc::Host::LaunchResults::Builder results) {
  if (lacks.empty()) return;
  auto list = results.initJailLacks(static_cast<capnp::uint>(lacks.size()));
  for (capnp::uint i = 0; i < list.size(); ++i) list.set(i, ToText(lacks[i]));
}

// Looking at a process takes some ten microseconds: others have their turn between these.
constexpr capnp::uint kDescribedInATurn = 8;

[[nodiscard]] kj::Promise<void> Describe(std::vector<kj::Own<Vm>> vms,
                                         capnp::List<rpc::MachineInfo>::Builder machines,
                                         capnp::uint position) {
  for (capnp::uint in_turn = 0; in_turn < kDescribedInATurn; ++in_turn) {
    if (position == machines.size()) return kj::READY_NOW;
    EncodeMachineInfo(*vms[position], machines[position]);
    ++position;
  }
  return kj::evalLast([vms = std::move(vms), machines, position]() mutable {
    return Describe(std::move(vms), machines, position);
  });
}

}  // namespace

capnp::Capability::Server::DispatchCallResult HostServer::dispatchCall(
    uint64_t interface_id, uint16_t method_id,
    capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) {
  return calls_->Count([&]() -> DispatchCallResult {
    const auto dispatch = [&] {
      return Readable("parameters", [&] {
        return rpc::Host::Server::dispatchCall(interface_id, method_id, context);
      });
    };
    return method_id == kList ? lists_.Count(dispatch) : dispatch();
  });
}

kj::Promise<void> HostServer::launch(LaunchContext context) {
  // One that cannot be read throws at once: it has failed as others do.
  return kj::evalNow([&] { return Admit(context); }).catch_([this](kj::Exception&& exception) {
    fleet_.CountFailure(peer_, FromException(exception));
    kj::throwFatalException(kj::mv(exception));
  });
}

kj::Promise<void> HostServer::Admit(LaunchContext context) {
  const Nanoseconds requested = MonotonicNow();
  absl::StatusOr<VmFacts> facts = VmFacts();
  bool detached = false;
  kj::Maybe<kj::Promise<NamedFiles>> opened;
  Readable("spec", [&] {
    const auto params = context.getParams();
    facts = DecodeFacts(params);
    if (!facts.ok()) return;
    detached = params.getDetached();
    // Lest they turn out to be none when there is a process.
    (void)params.getOutput();
    (void)params.getListener();
    const auto spec = params.getSpec();
    if (NamedFiles::AreIn(spec)) opened = NamedFiles::Open(fleet_.openers(), peer_, spec);
  });
  if (!facts.ok()) return ToException(facts.status());
  facts->requested = requested;
  kj::Promise<void> launched = nullptr;
  KJ_IF_MAYBE (promise, opened) {
    launched = promise->then([this, context, facts = *std::move(facts)](NamedFiles files) mutable {
      return Launch(context, std::move(facts), std::move(files));
    });
  } else {
    launched = Launch(context, *std::move(facts), {});
  }
  // However long its images take, a VM that is to end with its client does.
  if (detached) return launched;
  return client_->wrap(kj::mv(launched));
}

kj::Promise<void> HostServer::Launch(LaunchContext context, VmFacts facts, NamedFiles files) {
  const auto params = context.getParams();
  absl::StatusOr<VmRef> started = fleet_.Start(peer_, std::move(facts), params.getSpec(), quota_);
  if (!started.ok()) return ToException(started.status());
  VmRef vm = *std::move(started);
  std::vector<OwnedFd> words = files.TakeWords();
  auto request = vm->vmm().createRequest();
  FillRequest(fleet_, params, std::move(files), request);
  const auto state = params.getStart() ? Vm::State::RUNNING : Vm::State::CREATED;
  const bool detached = params.getDetached();
  context.releaseParams();
  auto created = request.send();
  fleet_.Begin(*vm, created.getMachine(), state);
  for (OwnedFd& pipe : words) fleet_.Listen(*vm, std::move(pipe));
  // A fork does not wait to be waited for: what is behind it happens whatever becomes of `created`.
  auto settled = (detached ? fleet_.Detach(*vm, "") : kj::Promise<void>(kj::READY_NOW)).fork();
  return created
      .then([](capnp::Response<rpc::Vmm::CreateResults>&& response) { return InputOf(response); },
            [](kj::Exception&& exception) -> MaybeInput {
              // A VMM that has died is no failed launch: the wait for the VM tells how.
              if (exception.getType() == kj::Exception::Type::DISCONNECTED) return nullptr;
              kj::throwFatalException(kj::mv(exception));
            })
      .exclusiveJoin(
          settled.addBranch().then([]() -> kj::Promise<MaybeInput> { return kj::NEVER_DONE; },
                                   [](kj::Exception&& exception) -> kj::Promise<MaybeInput> {
                                     // What else fails, fails because the VM could not be made:
                                     // that is the better word.
                                     if (!absl::IsDeadlineExceeded(FromException(exception)))
                                       return kj::NEVER_DONE;
                                     return kj::mv(exception);
                                   }))
      .then([settled = settled.addBranch()](MaybeInput&& input) mutable {
        return settled.then([input = kj::mv(input)]() mutable { return kj::mv(input); });
      })
      .then([this, context, vm = kj::mv(vm)](MaybeInput&& input) mutable {
        fleet_.CountLaunch(*vm);
        auto results = context.getResults();
        SetJailLacks(vm->JailLacks(), results);
        results.setMachine(kj::heap<MachineProxy>(fleet_, kj::mv(vm), calls_));
        KJ_IF_MAYBE (stream, input) results.setInput(kj::mv(*stream));
      });
}

kj::Promise<void> HostServer::get(GetContext context) {
  absl::StatusOr<VmRef> vm = fleet_.Find(peer_, FromText(context.getParams().getName()));
  if (!vm.ok()) return ToException(vm.status());
  context.getResults().setMachine(kj::heap<MachineProxy>(fleet_, *std::move(vm), calls_));
  return kj::READY_NOW;
}

kj::Promise<void> HostServer::list(ListContext context) {
  const absl::StatusOr<std::vector<VmLabel>> wanted =
      DecodeLabels("labels", context.getParams().getLabels());
  if (!wanted.ok()) return ToException(wanted.status());
  std::vector<kj::Own<Vm>> found;
  fleet_.ForEach([&](Vm& vm) {
    if (peer_.MayUse(vm.facts().owner) && HasAll(vm, *wanted)) found.push_back(kj::addRef(vm));
  });
  const auto size = static_cast<capnp::uint>(found.size());
  return Describe(std::move(found), context.getResults().initMachines(size), 0);
}

kj::Promise<void> HostServer::events(EventsContext context) {
  const auto params = context.getParams();
  if (!params.hasListener()) {
    return ToException(absl::InvalidArgumentError("listener: none is given"));
  }
  const absl::Status attached =
      fleet_.AttachListener(params.getListener(), peer_, params.getSince(), listeners_);
  if (!attached.ok()) return ToException(attached);
  return kj::READY_NOW;
}

kj::Promise<void> HostServer::capacity(CapacityContext context) {
  EncodeCapacity(fleet_, connections_.count(), context.getResults().initCapacity());
  return kj::READY_NOW;
}

kj::Promise<void> HostServer::stats(StatsContext context) {
  EncodeStats(fleet_, connections_.count(), context.getResults().initStats());
  return kj::READY_NOW;
}

kj::Promise<void> HostServer::drain(DrainContext context) {
  if (!peer_.IsMaster()) {
    return ToException(absl::PermissionDeniedError(
        "drain: it is for root, and the user that the host service runs as"));
  }
  context.releaseParams();
  context.allowCancellation();
  return fleet_.Drain();
}

kj::Promise<void> HostServer::inspect(InspectContext context) {
  const absl::StatusOr<VmRef> vm = fleet_.Find(peer_, FromText(context.getParams().getName()));
  if (!vm.ok()) return ToException(vm.status());
  EncodeMachineInfo(**vm, context.getResults().initInfo());
  (*vm)->spec().CopyTo(context.getResults());
  return kj::READY_NOW;
}

}  // namespace mayfly::api
