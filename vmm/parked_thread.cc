#include "vmm/parked_thread.h"

#include <pthread.h>

#include <atomic>
#include <utility>

#include "base/status.h"

namespace mayfly::vmm {
namespace {

// Enough for our deepest path (a report with formatted text) under a sanitizer, too. Only what is
// touched costs memory.
constexpr size_t kStackSize = size_t{256} << 10;

}  // namespace

struct ParkedThread::State {
  std::string name;
  Preparation preparation;
  Work work;  // set before `released`
  std::atomic_flag released;
  pthread_t handle{};
};

ParkedThread::ParkedThread(std::unique_ptr<State> state) : state_(std::move(state)) {}

ParkedThread::ParkedThread(ParkedThread&& other) noexcept = default;

ParkedThread::~ParkedThread() {
  if (!state_) return;
  if (!state_->released.test()) Release(nullptr);
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
    return Annotate(ErrnoStatus("the host allows no more threads (raise ulimit -u, or pids.max of "
                                "the cgroup)",
                                error),
                    "starting a thread of the VM");
  }
  return ParkedThread(std::move(state));
}

void* ParkedThread::Main(void* argument) {
  auto& state = *static_cast<State*>(argument);
  // By the thread itself: from outside, glibc would open a file of /proc for it.
  ::pthread_setname_np(::pthread_self(), state.name.c_str());
  const absl::Status prepared = state.preparation ? state.preparation() : absl::OkStatus();
  state.released.wait(false);
  if (state.work) state.work(prepared);
  return nullptr;
}

void ParkedThread::Release(Work work) {
  state_->work = std::move(work);
  state_->released.test_and_set();
  state_->released.notify_one();
}

}  // namespace mayfly::vmm
