#pragma once

#include <kj/async-io.h>
#include <kj/async-unix.h>
#include <kj/refcount.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/client/vmm_connection.h"
#include "api/client/vmm_process.h"
#include "api/host/host_counters.h"
#include "api/host/quota.h"
#include "api/host/spec_record.h"
#include "api/mayfly.capnp.h"
#include "base/clock.h"
#include "jailer/cgroup/cgroup.h"
#include "vmm/exit_status.h"

namespace mayfly::api {

struct VmLabel {
  std::string name;
  std::string value;

  friend bool operator==(const VmLabel&, const VmLabel&) = default;
};

// What does not change in a VM's life.
struct VmFacts {
  uint64_t id = 0;
  std::string name;  // empty: none
  std::vector<VmLabel> labels;
  uid_t owner = 0;
  uint16_t cpus = 0;
  uint64_t memory_bytes = 0;
  Nanoseconds launched_at{0};  // CLOCK_REALTIME
  // CLOCK_MONOTONIC, of what went before its VMM: see TimelineStep.
  Nanoseconds requested{0};
  Nanoseconds spawned{0};
};

// A VM's facts, what it was launched with, and what it takes of its users' quotas.
struct VmOrigin {
  VmFacts facts;
  SpecRecord spec;
  QuotaShare share;
};

// By whom a VM is kept.
enum class VmKeeping {
  kHeld,       // by those who hold it
  kDetaching,  // the same, and it has a record, by which it would be found after this process
  kDetached,   // by nobody: it lives without them, and without this process
  kAttaching,  // the same: those who hold it are about to keep it
};

// One VM of a host's: its process, the connection to it, and what is known of both. It lives from
// the start of the process until nothing is left of it; those who use it hold it by a VmRef.
//
// Threading: the thread of `io`.
class Vm final : public kj::Refcounted {
 public:
  using State = rpc::MachineState;
  // Bytes of an exit status's sentence.
  static constexpr size_t kLongestDetail = 4096;

  // `io` must outlive it. `released` is called when its last hold is gone. Errors, as exceptions:
  // those of the kernel, when it can watch no more descriptors; the process is then ended and
  // reaped, where it is ours.
  Vm(kj::AsyncIoContext& io, VmOrigin origin, VmmProcess process,
     std::function<void(Vm&)> released);
  KJ_DISALLOW_COPY(Vm);

  [[nodiscard]] const VmFacts& facts() const { return origin_.facts; }
  void SetName(std::string name) { origin_.facts.name = std::move(name); }
  [[nodiscard]] const SpecRecord& spec() const { return origin_.spec; }
  // What its process offers, to make the VM with. Broken once the VM is being torn down.
  [[nodiscard]] rpc::Vmm::Client vmm();
  // `machine` is what Vmm.create answers, or will answer. Once, before all that follows.
  void Begin(rpc::Machine::Client machine, State state);
  // Broken once the VM is being torn down.
  [[nodiscard]] rpc::Machine::Client machine() { return machine_; }

  [[nodiscard]] State state() const { return exit_ ? State::ENDED : state_; }
  // What a call has made of it.
  void SetState(State state) { state_ = state; }
  // How it ended; nothing as long as it has not. A VMM is not trusted: its sentence is cut to a
  // length.
  [[nodiscard]] const std::optional<vmm::ExitStatus>& exit_status() const { return exit_; }
  // Fulfilled when it has ended, or its process has. Errors: those of Vmm.create.
  [[nodiscard]] kj::Promise<absl::StatusOr<vmm::ExitStatus>> WhenEnded();
  // What is still to be asked of a VM that has ended, before its process goes.
  void SetFarewell(kj::Promise<void> farewell) { farewell_ = farewell.fork(); }
  [[nodiscard]] kj::Promise<void> WhenFarewellIsSaid() { return farewell_.addBranch(); }
  // Of its timeline, those that its host has counted.
  [[nodiscard]] StepSet& counted_steps() { return counted_steps_; }
  // Whether an earlier process has started it.
  [[nodiscard]] bool is_adopted() const { return process_.is_adopted(); }
  // As those of VmmProcess.
  [[nodiscard]] std::vector<std::string> JailLacks() const { return process_.JailLacks(); }
  [[nodiscard]] std::vector<std::string> PassingLacks() const { return process_.PassingLacks(); }
  // Of its process, in our pid namespace; 0 once it has been reaped.
  [[nodiscard]] pid_t pid() const { return reaped_ ? 0 : process_.process().pid(); }
  [[nodiscard]] VmKeeping keeping() const { return keeping_; }
  void SetKeeping(VmKeeping keeping) { keeping_ = keeping; }
  // Whether it lives without anybody who holds it, and without this process.
  [[nodiscard]] bool is_detached() const {
    return keeping_ == VmKeeping::kDetached || keeping_ == VmKeeping::kAttaching;
  }
  [[nodiscard]] bool is_held() const { return holds_ != 0; }
  // Whether it is nobody's any more: it ends, whatever its guest does.
  [[nodiscard]] bool is_leaving() const { return leaving_; }

  // Whether there is a cgroup that could not be removed yet.
  [[nodiscard]] bool has_cgroup() const { return cgroup_.has_value(); }

  // Ends the process, whatever it is at; the VM then ends as one whose process died.
  void KillProcess() const { process_.process().Kill(); }
  // Ends the VM and its process, however that one behaves; fulfilled when the process is reaped
  // and its cgroup gone. Who still waits for the VM's end is told `why`. Once; this must live until
  // then.
  [[nodiscard]] kj::Promise<void> TearDown(std::string why);

 private:
  friend class VmRef;

  // Ends and reaps a process whose VM does not come to be.
  class Stillbirth final {
   public:
    explicit Stillbirth(const VmmProcess& process) : process_(process) {}
    Stillbirth(const Stillbirth&) = delete;
    Stillbirth& operator=(const Stillbirth&) = delete;
    ~Stillbirth();
    void IsAverted() { averted_ = true; }

   private:
    const VmmProcess& process_;
    bool averted_ = false;
  };

  [[nodiscard]] kj::Promise<absl::StatusOr<vmm::ExitStatus>> AwaitEnd();
  // The connection is gone: what became of the process?
  [[nodiscard]] kj::Promise<absl::StatusOr<vmm::ExitStatus>> Judge();
  // Fulfilled when the process has ended, for which it is killed where it takes longer.
  [[nodiscard]] kj::Promise<void> ProcessEnded(kj::Duration patience);
  [[nodiscard]] kj::Promise<void> RemoveCgroup(int attempts_left);

  kj::Timer& timer_;
  VmOrigin origin_;
  VmmProcess process_;
  Stillbirth stillbirth_;                 // goes after all that can fail, and before the process
  std::optional<jailer::Cgroup> cgroup_;  // on its way out
  const std::function<void(Vm&)> released_;
  unsigned holds_ = 0;
  State state_ = State::CREATED;
  std::optional<vmm::ExitStatus> exit_;
  StepSet counted_steps_;
  bool reaped_ = false;
  VmKeeping keeping_ = VmKeeping::kHeld;
  bool leaving_ = false;
  std::string why_leaving_;
  kj::UnixEventPort::FdObserver process_observer_;
  kj::ForkedPromise<void> process_ended_;
  kj::Maybe<kj::Own<VmmConnection>> connection_;
  rpc::Machine::Client machine_ = nullptr;
  kj::ForkedPromise<absl::StatusOr<vmm::ExitStatus>> ended_ = nullptr;
  kj::ForkedPromise<void> farewell_ = nullptr;
};

// One holder of a VM: with the last one goes the VM.
class VmRef final {
 public:
  explicit VmRef(Vm& vm) : vm_(kj::addRef(vm)) { ++vm.holds_; }
  VmRef(VmRef&& other) noexcept : vm_(kj::mv(other.vm_)) {}
  VmRef& operator=(VmRef&&) = delete;
  KJ_DISALLOW_COPY(VmRef);
  ~VmRef() noexcept(false);

  [[nodiscard]] Vm& operator*() const { return *vm_; }
  [[nodiscard]] Vm* operator->() const { return vm_; }

 private:
  mutable kj::Own<Vm> vm_;  // none when moved from
};

}  // namespace mayfly::api
