#pragma once

#include <kj/async-unix.h>
#include <kj/refcount.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "api/codec/machine_spec.h"
#include "api/mayfly.capnp.h"
#include "api/server/console_pump.h"
#include "api/server/event_feed.h"
#include "api/server/event_inlet.h"
#include "api/server/input_gate.h"
#include "base/event_fd.h"
#include "base/timeline.h"
#include "vmm/exit_status.h"
#include "vmm/machine.h"
#include "vmm/machine_stats.h"

namespace mayfly::api {

// The process's one VM among the promises of the api thread: its end and its console become events
// of KJ's loop, its timeout a timer of it. Capabilities for it (`Machine`, narrowed or not) are
// views of this object.
//
// Threading: the api thread's.
class HostedMachine final : public kj::Refcounted {
  // Only Create() can make one, and kj::refcounted can still be used.
  class Passkey {
    friend class HostedMachine;
    Passkey() = default;
  };

 public:
  // `port` must outlive the machine. Errors: those of vmm::Machine::Create().
  [[nodiscard]] static absl::StatusOr<kj::Own<HostedMachine>> Create(
      MachineSpec spec, std::shared_ptr<Timeline> timeline, kj::UnixEventPort& port);
  HostedMachine(Passkey, std::unique_ptr<vmm::Machine> machine, std::shared_ptr<EventFd> wake,
                std::shared_ptr<EventInlet> inlet, Nanoseconds timeout, kj::UnixEventPort& port);

  // Lets the guest run, and the clock of the timeout. Errors: those of vmm::Machine::Start().
  [[nodiscard]] absl::Status Start();
  // Errors: those of vmm::Machine::Pause().
  [[nodiscard]] absl::Status Pause();
  [[nodiscard]] absl::Status Resume();
  void Kill(const std::string& why) { machine_->End(vmm::ExitReason::kKilled, why); }
  // Fulfilled once the VM has ended.
  [[nodiscard]] kj::Promise<void> WhenEnded() { return ended_.addBranch(); }
  // Fulfilled once the VM has ended, and those who read its console and listen to its events have
  // been sent the rest, or have stalled for a second.
  [[nodiscard]] kj::Promise<void> WhenReported() { return reported_.addBranch(); }
  // How it ended. For after one of the two above.
  [[nodiscard]] vmm::ExitStatus exit_status() const;
  // Connects the console to `output` and answers the other direction. An earlier connection is cut.
  [[nodiscard]] rpc::ByteStream::Client AttachConsole(rpc::ByteStream::Client output);
  // Tells `listener` of all events. Errors: those of EventFeed::Attach().
  [[nodiscard]] absl::Status AttachListener(rpc::EventListener::Client listener);
  // Tells those who listen what was done to the VM.
  void Tell(rpc::EventKind kind, std::string text);
  [[nodiscard]] vmm::MachineStats stats();
  [[nodiscard]] InputGate& input() { return input_; }
  [[nodiscard]] vmm::Machine& machine() { return *machine_; }
  [[nodiscard]] const Timeline& timeline() const { return machine_->timeline(); }

 private:
  static constexpr size_t kMostListeners = 16;

  [[nodiscard]] kj::Promise<void> AwaitEnd();
  [[nodiscard]] kj::Promise<void> Report();
  [[nodiscard]] kj::Promise<void> EnforceTimeout();
  // Tells what the VM's threads have reported.
  void PassEventsOn();

  std::unique_ptr<vmm::Machine> machine_;
  std::shared_ptr<EventFd> wake_;  // shared with the VM's threads, which signal it: see AwaitEnd()
  const Nanoseconds timeout_;
  kj::Timer& timer_;
  kj::UnixEventPort::FdObserver wake_observer_;
  const std::shared_ptr<EventInlet> inlet_;  // shared likewise
  const std::shared_ptr<ListenerShare> listeners_ =
      std::make_shared<ListenerShare>("this VM", kMostListeners);
  EventFeed events_;
  ConsolePump output_;
  InputGate input_;
  kj::ForkedPromise<void> ended_;
  kj::ForkedPromise<void> reported_;  // runs whether or not somebody waits for it
  kj::Promise<void> timeout_task_ = nullptr;
};

}  // namespace mayfly::api
