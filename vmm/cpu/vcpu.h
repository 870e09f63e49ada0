#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/guest_memory.h"
#include "vmm/devices/bus.h"
#include "vmm/exit_sink.h"
#include "vmm/kvm/vcpu_fd.h"

namespace mayfly::vmm {

// One virtual CPU: runs the guest on the thread that calls Run(), and serves its exits.
class Vcpu final {
 public:
  // The buses, the memory and the sink outlive it.
  struct Surroundings {
    const Bus& ports;
    const Bus& mmio;
    const GuestMemory& memory;
    ExitSink& exits;
  };

  Vcpu(unsigned index, VcpuFd fd, const Surroundings& surroundings)
      : index_(index), fd_(std::move(fd)), surroundings_(surroundings) {}
  Vcpu(const Vcpu&) = delete;
  Vcpu& operator=(const Vcpu&) = delete;
  ~Vcpu() = default;

  [[nodiscard]] const VcpuFd& fd() const { return fd_; }

  // The calling thread will be the one in Run(): what a signal reaches it by is asked for here,
  // which its seccomp filter does not let it do any more.
  void Board();
  // Runs the guest until Stop(), or until it ends for a reason that it tells the sink. On the
  // thread that called Board().
  void Run();
  // Makes Run() return soon, also where it is about to begin, and also out of a guest that does
  // nothing but spin, or is paused. Any thread.
  void Stop();
  // Has the guest rest soon, with no access half done, until Resume(), Run() then waits; also where
  // it is about to begin. Pause(), AwaitPause() and Resume() are one thread's, not that of Run().
  void Pause();
  // After Pause(): returns when the guest does not run, and will not.
  void AwaitPause();
  // Goes on. Does nothing when it was not paused, or is to stop.
  void Resume();

  // Once, before the first Run(): installs the handler of the signal by which Stop() gets a vCPU
  // out of the guest.
  static absl::Status PrepareProcess();

 private:
  enum class Next { kGoOn, kStop };

  enum class Wish { kRun, kPause, kStop };

  // Begins, or goes on, as is wished: waits while that is to pause.
  [[nodiscard]] Next HeedWish();
  void Kick();
  [[nodiscard]] Next HandleExit();
  void HandlePortIo();
  void HandleMmio();
  [[nodiscard]] Next HandleSystemEvent();
  // The VM cannot go on: `problem` and the state of this vCPU are the report.
  [[nodiscard]] Next Fail(std::string_view problem);
  [[nodiscard]] Next End(ExitReason reason, std::string detail);

  const unsigned index_;
  const VcpuFd fd_;
  const Surroundings surroundings_;

  // Of the thread that called Board(), which nothing changes since.
  pid_t process_ = 0;
  pid_t thread_ = 0;
  pthread_t self_{};

  std::mutex mutex_;
  std::condition_variable changed_;
  Wish wish_ = Wish::kRun;  // these are guarded by mutex_
  bool running_ = false;    // in Run(), and not waiting there
  // That wish_ is to stop, for the thread in Run() between two elements of a string.
  std::atomic<bool> stopping_ = false;
};

}  // namespace mayfly::vmm
