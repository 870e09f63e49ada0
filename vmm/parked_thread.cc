#include "vmm/parked_thread.h"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"

namespace mayfly::vmm {
namespace {

// Enough for our deepest path (a report with formatted text) under a sanitizer, too. Only what is
// touched costs memory.
constexpr size_t kStackSize = size_t{256} << 10;

// How long a roused thread stays awake without work. Waking a sleeping one takes 60 to 100
// microseconds where the host is itself virtual (its idle CPU has to be woken by the outer
// hypervisor).
constexpr Nanoseconds kAlertness = std::chrono::microseconds(400);

enum class Phase : int { kParked, kRoused, kReleased };

}  // namespace

struct ParkedThread::State {
  std::string name;
  Preparation preparation;
  absl::Status prepared;  // set before `is_prepared`
  std::atomic<bool> is_prepared = false;
  Work work;  // set before kReleased
  std::atomic<Phase> phase = Phase::kParked;
  pthread_t handle{};
};

ParkedThread::ParkedThread(std::unique_ptr<State> state) : state_(std::move(state)) {}

ParkedThread::ParkedThread(ParkedThread&& other) noexcept = default;

ParkedThread::~ParkedThread() {
  if (!state_) return;
  if (state_->phase.load() != Phase::kReleased) Release(nullptr);
  ::pthread_join(state_->handle, nullptr);
}

absl::StatusOr<ParkedThread> ParkedThread::Start(std::string name, Preparation preparation) {
  auto state = std::make_unique<State>();
  state->name = std::move(name);
  state->preparation = std::move(preparation);
  pthread_attr_t attributes{};
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kStackSize);
  const int error = ::pthread_create(&state->handle, &attributes, Main, state.get());
  ::pthread_attr_destroy(&attributes);
  if (error != 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("starting a thread of the VM: the host allows no more threads (raise ulimit "
                     "-u, or pids.max of the cgroup): ",
                     std::strerror(error)));
  }
  return ParkedThread(std::move(state));
}

void* ParkedThread::Main(void* argument) {
  auto& state = *static_cast<State*>(argument);
  // By the thread itself: from outside, glibc would open a file of /proc for it.
  ::pthread_setname_np(::pthread_self(), state.name.c_str());
  if (state.preparation) state.prepared = state.preparation();
  state.is_prepared.store(true);
  state.is_prepared.notify_all();
  state.phase.wait(Phase::kParked);
  const Nanoseconds patience = MonotonicNow() + kAlertness;
  // Yielding, for hosts whose CPUs are all busy: then whoever will release us may need this one.
  while (state.phase.load() == Phase::kRoused && MonotonicNow() < patience) ::sched_yield();
  state.phase.wait(Phase::kRoused);
  if (state.work) state.work();
  return nullptr;
}

absl::Status ParkedThread::AwaitPrepared() const {
  state_->is_prepared.wait(false);
  return state_->prepared;
}

void ParkedThread::Rouse() {
  state_->phase.store(Phase::kRoused);
  state_->phase.notify_one();
}

void ParkedThread::Release(Work work) {
  state_->work = std::move(work);
  state_->phase.store(Phase::kReleased);
  state_->phase.notify_one();
}

}  // namespace mayfly::vmm
