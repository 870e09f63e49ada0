#include "api/host/fleet.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/client/cpu_profile_cache.h"
#include "api/client/open_file.h"
#include "api/client/passt_process.h"
#include "api/client/resource_limits_codec.h"
#include "api/codec/fd_file.h"
#include "api/codec/machine_spec.h"
#include "api/codec/readable.h"
#include "api/codec/timeline_codec.h"
#include "api/host/launch_check.h"
#include "api/host/program_words.h"
#include "api/host/vm_listener.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

// Each has up to 64 events on its way, of some KiB.
constexpr size_t kMostListeners = 1024;
constexpr size_t kMostListenersEachUser = 128;
// For the kernel to take the last of a VMM out of its cgroup: twice as long each time, half
// a minute in all. Cgroups of detached VMs that an earlier process has started are busy, too.
constexpr auto kPauseBeforeSweep = 500 * kj::MILLISECONDS;
constexpr auto kLongestPauseBeforeSweep = 32 * kj::SECONDS;
constexpr char kNumberSign = '#';
// When a VM that lives on is asked how its start went; the others are when they have ended.
constexpr auto kStartIsOver = 1 * kj::SECONDS;

[[nodiscard]] LogLevel LevelOf(vmm::ExitReason reason) {
  using vmm::ExitReason;
  return reason == ExitReason::kInternalError || reason == ExitReason::kViolation ||
                 reason == ExitReason::kOutOfMemory
             ? LogLevel::WARNING
             : LogLevel::INFO;
}

[[nodiscard]] Nanoseconds Now() { return std::chrono::system_clock::now().time_since_epoch(); }

}  // namespace

absl::StatusOr<FleetResources> FleetResources::Open(const std::string& cgroup_parent) {
  MAYFLY_ASSIGN_OR_RETURN(OwnedFd program, VmmProcess::FindProgram());
  MAYFLY_ASSIGN_OR_RETURN(OwnedFd opener, Openers::OpenOurselves());
  MAYFLY_ASSIGN_OR_RETURN(jailer::Jail jail, jailer::Jail::ForMany());
  jailer::CgroupSettings settings = jailer::CgroupSettings::ForThisProcess();
  settings.parent = cgroup_parent;
  MAYFLY_ASSIGN_OR_RETURN(jailer::CgroupTree cgroups, jailer::CgroupTree::Find(settings));
  (void)cgroups.SweepAll();
  MAYFLY_ASSIGN_OR_RETURN(OwnedFd kvm, OpenKvm());
  MAYFLY_ASSIGN_OR_RETURN(vmm::CpuProfile profile, CpuProfileCache::OfUser().Get(kvm.get()));
  return FleetResources{.program = std::move(program),
                        .opener = std::move(opener),
                        .jail = std::move(jail),
                        .cgroups = std::move(cgroups),
                        .kvm = std::move(kvm),
                        .cpu_profile = std::move(profile)};
}

Fleet::Fleet(kj::AsyncIoContext& io, FleetResources resources, rpc::HostConfig::Reader config,
             const HostBudget& budget, std::string state, FleetPatience patience)
    : io_(io),
      program_(std::move(resources.program)),
      openers_(io, {.program = std::move(resources.opener)}),
      jail_(std::move(resources.jail)),
      cgroups_(std::move(resources.cgroups)),
      kvm_(kj::heap<FdFile>(std::move(resources.kvm))),
      each_user_(DecodeShare(config.getEachUser())),
      always_in_cgroups_(config.getCgroupParent().size() != 0),
      store_(std::move(state)),
      patience_(patience),
      events_(config.getEventsKept()),
      all_listeners_(std::make_shared<ListenerShare>("this host", kMostListeners)),
      total_(std::make_shared<Quota>("this host", budget.total)),
      watching_(*this),
      leaving_(*this) {
  EncodeCpuProfile(resources.cpu_profile, cpu_profile_.initRoot<rpc::CpuProfile>());
}

absl::Status Fleet::CheckNewName(const std::string& name, uid_t owner) const {
  if (name.empty()) return absl::OkStatus();
  for (const auto& [id, vm] : vms_) {
    if (vm->is_leaving() || vm->facts().owner != owner || vm->facts().name != name) continue;
    return absl::AlreadyExistsError(
        absl::StrCat("name: there is a VM \"", name, "\" already; choose another name"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<jailer::Cgroup>> Fleet::MakeCgroup(
    const jailer::CgroupLimits& limits) {
  if (limits.Controllers().empty() && !always_in_cgroups_) return std::nullopt;
  absl::StatusOr<jailer::Cgroup> cgroup = cgroups_.Make(limits);
  if (!cgroup.ok()) return Annotate(cgroup.status(), "limits");
  return std::optional<jailer::Cgroup>(*std::move(cgroup));
}

std::shared_ptr<Quota> Fleet::QuotaOf(uid_t user) {
  return quotas_.Of(user, [&] {
    return std::make_shared<Quota>("this user", Peer::IsMaster(user) ? VmTotals{} : each_user_);
  });
}

absl::StatusOr<VmRef> Fleet::Start(const Peer& peer, VmFacts facts, rpc::MachineSpec::Reader spec,
                                   std::shared_ptr<Quota> connection) {
  if (closed_) {
    return absl::UnavailableError("the host service launches no VMs any more: it is about to end");
  }
  facts.owner = peer.uid;
  MAYFLY_RETURN_IF_ERROR(CheckNewName(facts.name, facts.owner));
  MAYFLY_ASSIGN_OR_RETURN(const jailer::CgroupLimits limits, Readable("spec.limits", [&] {
                            return DecodeResourceLimits(spec.getLimits());
                          }));
  MAYFLY_ASSIGN_OR_RETURN(
      QuotaShare share,
      QuotaShare::Take({std::move(connection), QuotaOf(peer.uid), total_},
                       {.machines = 1, .memory_bytes = facts.memory_bytes, .cpus = facts.cpus}));
  // Before there is a process: a message that cannot be read throws.
  SpecRecord record = Readable("spec", [&] { return SpecRecord(spec); });
  MAYFLY_ASSIGN_OR_RETURN(std::optional<jailer::Cgroup> cgroup, MakeCgroup(limits));
  facts.spawned = MonotonicNow();
  MAYFLY_ASSIGN_OR_RETURN(VmmProcess process,
                          VmmProcess::Spawn(program_.get(), jail_, std::move(cgroup)));
  facts.id = last_id_ + 1;
  facts.launched_at = Now();
  return VmRef(
      Enter({.facts = std::move(facts), .spec = std::move(record), .share = std::move(share)},
            std::move(process)));
}

Vm& Fleet::Enter(VmOrigin origin, VmmProcess process) {
  const uint64_t id = origin.facts.id;
  last_id_ = std::max(last_id_, id);
  try {
    auto vm = kj::refcounted<Vm>(io_, std::move(origin), std::move(process),
                                 [this](Vm& released) { Released(released); });
    return *(vms_.insert_or_assign(id, kj::mv(vm)).first->second);
  } catch (...) {
    SweepSoon();  // its cgroup
    throw;
  }
}

void Fleet::Released(Vm& vm) {
  if (!vm.is_detached()) Retire(vm, "the VM's last client has gone");
}

void Fleet::Begin(Vm& vm, rpc::Machine::Client machine, Vm::State state) {
  vm.Begin(machine, state);
  auto listen = machine.eventsRequest();
  // What a guest does, or a VMM that it took over, must not fill the log. The connection that the
  // listener is part of is the VM's.
  listen.setListener(
      kj::heap<VmListener>(vm, [this](Event event) { Tell(LogLevel::DEBUG, std::move(event)); }));
  // A VM that cannot be made tells it by its launch.
  watching_.add(listen.send().ignoreResult().catch_([](kj::Exception&&) {}));
  vm.SetFarewell(WatchEnd(vm));
  watching_.add(vm.WhenFarewellIsSaid().attach(kj::addRef(vm)));
}

void Fleet::Listen(Vm& vm, OwnedFd words) {
  // Whoever holds the other end, it is not heard longer than there is a VM.
  auto ended = vm.WhenEnded().then([](auto&& /*status*/) { return std::string(); });
  watching_.add(ReadToEnd(io_, std::move(words))
                    .exclusiveJoin(kj::mv(ended))
                    .then([this, &vm](const std::string& text) {
                      const std::string essence = PasstProcess::EssenceOf(text);
                      // It has nothing to say when it ends with the VM.
                      if (essence.empty() || vm.is_leaving()) return;
                      Tell(LogLevel::DEBUG,
                           EventOf(vm.facts(), rpc::EventKind::LINK,
                                   absl::StrCat("a network of the user's has ended: ", essence)));
                    })
                    .attach(kj::addRef(vm)));
}

void Fleet::Tell(LogLevel level, Event event) {
  LogEvent(level, event);
  events_.Add(std::move(event));
}

absl::Status Fleet::AttachListener(rpc::EventListener::Client listener, const Peer& peer,
                                   uint64_t since, std::shared_ptr<ListenerShare> connection) {
  ListenerShares shares = {std::move(connection)};
  // A master can always look on, and takes nobody's place.
  if (!peer.IsMaster()) {
    shares.push_back(listeners_.Of(peer.uid, [] {
      return std::make_shared<ListenerShare>("this user", kMostListenersEachUser);
    }));
    shares.push_back(all_listeners_);
  }
  return events_.Attach(kj::mv(listener), std::move(shares), since,
                        [peer](const Event& event) { return peer.MayUse(event.owner); });
}

void Fleet::CountLaunch(const Vm& vm) {
  ++counters_.launches;
  const std::string lacks = absl::StrJoin(vm.PassingLacks(), "; ");
  Tell(LogLevel::INFO, EventOf(vm.facts(), rpc::EventKind::LAUNCHED,
                               lacks.empty() ? "launched" : absl::StrCat("launched; ", lacks)));
  watching_.add(io_.provider->getTimer().afterDelay(kStartIsOver).then([this, id = vm.facts().id] {
    return CountStepsOf(id);
  }));
}

// In a log of all launches, whoever launches in a loop could fill the disk.
void Fleet::CountFailure(const Peer& peer, const absl::Status& why) {
  counters_.CountFailure(why);
  Log(LogLevel::DEBUG, absl::StrCat("a launch failed: ", why.message()),
      {{"MAYFLY_UID", absl::StrCat(peer.uid)},
       {"MAYFLY_ERROR", absl::StatusCodeToString(why.code())}});
}

kj::Promise<void> Fleet::CountSteps(Vm& vm) {
  return vm.machine().timelineRequest().send().then(
      [this, &vm](capnp::Response<rpc::Machine::TimelineResults>&& response) {
        Timeline timeline;
        timeline.Record(TimelineStep::kRequested, vm.facts().requested);
        timeline.Record(TimelineStep::kSpawned, vm.facts().spawned);
        DecodeTimeline(response, timeline);
        counters_.CountSteps(timeline, MonotonicNow(), vm.counted_steps());
      },
      [](kj::Exception&&) {});
}

kj::Promise<void> Fleet::CountStepsOf(uint64_t id) {
  const auto found = vms_.find(id);
  if (found == vms_.end() || found->second->is_leaving()) return kj::READY_NOW;
  Vm& vm = *found->second;
  return CountSteps(vm).attach(kj::addRef(vm));
}

kj::Promise<void> Fleet::WatchEnd(Vm& vm) {
  return vm.WhenEnded().then(
      [this, &vm](const absl::StatusOr<vmm::ExitStatus>& status) -> kj::Promise<void> {
        if (!status.ok()) return kj::READY_NOW;
        counters_.CountExit(status->reason);
        Event event = EventOf(vm.facts(), rpc::EventKind::EXITED, status->detail);
        event.exit = *status;
        Tell(LevelOf(status->reason), std::move(event));
        TellThoseWhoDrain();
        return CountSteps(vm);
      });
}

Vm* Fleet::FindNumber(const Peer& peer, std::string_view text) {
  if (text.starts_with(kNumberSign)) text.remove_prefix(1);
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return nullptr;
  const auto found = vms_.find(id);
  if (found == vms_.end() || found->second->is_leaving()) return nullptr;
  return peer.MayUse(found->second->facts().owner) ? found->second.get() : nullptr;
}

absl::StatusOr<VmRef> Fleet::Find(const Peer& peer, const std::string& name) {
  // Nor is it said again then.
  MAYFLY_RETURN_IF_ERROR(CheckNameLength(name));
  Vm* others = nullptr;
  bool several = false;
  for (auto& [id, entry] : vms_) {
    Vm& vm = *entry;
    if (name.empty() || vm.is_leaving() || vm.facts().name != name ||
        !peer.MayUse(vm.facts().owner))
      continue;
    if (vm.facts().owner == peer.uid) return VmRef(vm);
    several = several || others != nullptr;
    others = &vm;
  }
  if (others == nullptr) others = FindNumber(peer, name);
  if (others == nullptr) {
    return absl::NotFoundError(absl::StrCat("name: there is no VM \"", name, "\""));
  }
  if (several) {
    return absl::FailedPreconditionError(
        absl::StrCat("name: several users have a VM \"", name, "\", and you have none"));
  }
  return VmRef(*others);
}

void Fleet::ForEach(const std::function<void(Vm&)>& visit) {
  for (auto& [id, vm] : vms_) {
    if (!vm->is_leaving()) visit(*vm);
  }
}

void Fleet::ForEach(const std::function<void(const Vm&)>& visit) const {
  for (const auto& [id, vm] : vms_) {
    if (!vm->is_leaving()) visit(*vm);
  }
}

void Fleet::Retire(Vm& vm, const std::string& why) {
  if (vm.is_leaving()) return;
  Forget(vm);
  leaving_.add(vm.TearDown(why).then([this, id = vm.facts().id, adopted = vm.is_adopted()] {
    const bool leaves_cgroup = adopted || vms_.at(id)->has_cgroup();
    vms_.erase(id);
    if (leaves_cgroup) SweepSoon();
    TellThoseWhoDrain();
  }));
}

// The cgroup of a VM that an earlier process has started is nobody's any more, nor is one that
// could not be removed. Once for many.
void Fleet::SweepSoon() {
  pause_before_sweep_ = kPauseBeforeSweep;
  if (!std::exchange(will_sweep_, true)) watching_.add(SweepUntilNoneIsBusy());
}

kj::Promise<void> Fleet::SweepUntilNoneIsBusy() {
  return io_.provider->getTimer()
      .afterDelay(pause_before_sweep_)
      .then([this]() -> kj::Promise<void> {
        pause_before_sweep_ = pause_before_sweep_ * 2;
        if (cgroups_.SweepAll().busy != 0 && pause_before_sweep_ <= kLongestPauseBeforeSweep) {
          return SweepUntilNoneIsBusy();
        }
        will_sweep_ = false;
        return kj::READY_NOW;
      });
}

void Fleet::TellThoseWhoDrain() {
  if (std::ranges::all_of(
          vms_, [](const auto& entry) { return entry.second->state() == Vm::State::ENDED; })) {
    for (auto& fulfiller : std::exchange(draining_, {})) fulfiller->fulfill();
  }
}

kj::Promise<void> Fleet::Drain() {
  closed_ = true;
  auto ended = kj::newPromiseAndFulfiller<void>();
  draining_.push_back(kj::mv(ended.fulfiller));
  TellThoseWhoDrain();
  return kj::mv(ended.promise);
}

kj::Promise<void> Fleet::Close() {
  closed_ = true;
  for (auto& [id, vm] : vms_) {
    if (!vm->is_detached()) Retire(*vm, "the VM was ended with its host service");
  }
  return leaving_.onEmpty();
}

// What is left of a VM that could not be taken down is the next start's to sweep.
void Fleet::taskFailed(kj::Exception&& exception) {
  Log(LogLevel::ERROR, exception.getDescription().cStr());
}

}  // namespace mayfly::api
