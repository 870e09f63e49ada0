#include "api/server/hosted_machine.h"

#include <time.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/server/console_input.h"
#include "base/status.h"
#include "virtio/core/device_event.h"

namespace mayfly::api {
namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;

// For whoever reads the console, once the VM has ended. A reader that stalls longer may still read
// on, but those who wait for the VM do not wait for him.
constexpr auto kPatienceWithReader = 1 * kj::SECONDS;

[[nodiscard]] rpc::EventKind KindOf(virtio::DeviceEvent event) {
  switch (event) {
    case virtio::DeviceEvent::kTrouble:
      return rpc::EventKind::DEVICE;
    case virtio::DeviceEvent::kNoRoom:
      return rpc::EventKind::OVERLAY_FULL;
    case virtio::DeviceEvent::kLink:
      return rpc::EventKind::LINK;
  }
  return rpc::EventKind::DEVICE;
}

// The guest's, and what was done for it.
[[nodiscard]] Nanoseconds CpuTime() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec);
}

}  // namespace

absl::StatusOr<kj::Own<HostedMachine>> HostedMachine::Create(MachineSpec spec,
                                                             std::shared_ptr<Timeline> timeline,
                                                             kj::UnixEventPort& port) {
  MAYFLY_ASSIGN_OR_RETURN(EventFd event, EventFd::Create());
  auto wake = std::make_shared<EventFd>(std::move(event));
  auto inlet = std::make_shared<EventInlet>(wake);
  spec.machine.on_event = [inlet](virtio::DeviceEvent kind, std::string text) {
    inlet->Report(KindOf(kind), std::move(text));
  };
  MAYFLY_ASSIGN_OR_RETURN(std::unique_ptr<vmm::Machine> machine,
                          vmm::Machine::Create(std::move(spec.machine), std::move(timeline),
                                               [wake] { wake->Signal(); }));
  return kj::refcounted<HostedMachine>(Passkey(), std::move(machine), std::move(wake),
                                       std::move(inlet), spec.timeout, port);
}

HostedMachine::HostedMachine(Passkey, std::unique_ptr<vmm::Machine> machine,
                             std::shared_ptr<EventFd> wake, std::shared_ptr<EventInlet> inlet,
                             Nanoseconds timeout, kj::UnixEventPort& port)
    : machine_(std::move(machine)),
      wake_(std::move(wake)),
      timeout_(timeout),
      timer_(port.getTimer()),
      wake_observer_(port, wake_->fd(), kj::UnixEventPort::FdObserver::OBSERVE_READ),
      inlet_(std::move(inlet)),
      output_(machine_->console(), port),
      input_(machine_->console(), port),
      ended_(AwaitEnd().fork()),
      reported_(ended_.addBranch().then([this] { return Report(); }).fork()) {}

absl::Status HostedMachine::Start() {
  MAYFLY_RETURN_IF_ERROR(machine_->Start());
  if (timeout_ > Nanoseconds::zero()) timeout_task_ = EnforceTimeout().eagerlyEvaluate(nullptr);
  return absl::OkStatus();
}

absl::Status HostedMachine::Pause() {
  const bool was_paused = machine_->state() == vmm::MachineState::kPaused;
  MAYFLY_RETURN_IF_ERROR(machine_->Pause());
  if (!was_paused) Tell(rpc::EventKind::PAUSED, "the VM was paused");
  return absl::OkStatus();
}

absl::Status HostedMachine::Resume() {
  const bool was_paused = machine_->state() == vmm::MachineState::kPaused;
  MAYFLY_RETURN_IF_ERROR(machine_->Resume());
  if (was_paused) Tell(rpc::EventKind::RESUMED, "the VM goes on");
  return absl::OkStatus();
}

// One eventfd for all that the VM's threads have to say, so that a start makes and watches no
// second one. It is never drained: each signal is an edge, and those are observed.
kj::Promise<void> HostedMachine::AwaitEnd() {
  PassEventsOn();
  if (machine_->exit_status()) return kj::READY_NOW;
  return wake_observer_.whenBecomesReadable().then([this] { return AwaitEnd(); });
}

kj::Promise<void> HostedMachine::EnforceTimeout() {
  return timer_.afterDelay(timeout_.count() * kj::NANOSECONDS).then([this] {
    machine_->End(vmm::ExitReason::kTimeout, absl::StrCat("the VM was ended after its timeout of ",
                                                          Milliseconds(timeout_).count(), " ms"));
  });
}

kj::Promise<void> HostedMachine::Report() {
  PassEventsOn();
  return output_.Finish().exclusiveJoin(timer_.afterDelay(kPatienceWithReader));
}

vmm::ExitStatus HostedMachine::exit_status() const {
  return machine_->exit_status().value_or(vmm::ExitStatus{.detail = "the VM has not ended yet"});
}

void HostedMachine::PassEventsOn() {
  for (Event& event : inlet_->Take()) events_.Add(std::move(event));
}

absl::Status HostedMachine::AttachListener(rpc::EventListener::Client listener) {
  PassEventsOn();
  return events_.Attach(std::move(listener), {listeners_});
}

void HostedMachine::Tell(rpc::EventKind kind, std::string text) {
  PassEventsOn();
  events_.Add({.time = MonotonicNow(), .kind = kind, .text = std::move(text)});
}

vmm::MachineStats HostedMachine::stats() {
  PassEventsOn();
  return {.state = machine_->state(),
          .cpu = CpuTime(),
          .devices = machine_->device_stats(),
          .console_bytes = machine_->console().output_bytes(),
          .events = events_.count()};
}

rpc::ByteStream::Client HostedMachine::AttachConsole(rpc::ByteStream::Client output) {
  output_.Attach(std::move(output));
  return kj::heap<ConsoleInput>(kj::addRef(*this));
}

}  // namespace mayfly::api
