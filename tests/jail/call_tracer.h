#pragma once

#include <linux/seccomp.h>
#include <sys/types.h>

#include <deque>
#include <functional>
#include <map>
#include <optional>

#include "jailer/thread_kind.h"

namespace mayfly::testing {

// What the followed programs find instead of the machine as it is.
enum class ClockSource {
  kVdso,
  kSystemCalls,  // no vDSO, as on hosts whose clock it cannot read
};

// Follows a process and all that it starts (ptrace(2), as strace -f does), and tells of each system
// call that a thread under one of Mayfly's policies makes, before the policy is asked.
//
// A thread that has got its policy, or has woken another, is held up until the others rest: so
// whoever waits for it, or for a mutex that it has, does wait, which otherwise is a matter of
// chance.
class CallTracer final {
 public:
  // A call of a thread whose policy is that of the kind.
  using Listener = std::function<void(jailer::ThreadKind, const seccomp_data&)>;

  // Has the calling process followed by a new one, a child of it, from now on: for
  // Command::Prepare(). Returns in the caller alone, which stays who it is for its parent; the
  // listener is called in the new process, which ends with the last process that it follows. Ends
  // the process where it cannot be followed.
  static void FollowCaller(Listener listener, ClockSource clock = ClockSource::kVdso);

 private:
  struct Thread {
    std::optional<jailer::ThreadKind> installing;  // between the entry and the exit of seccomp(2)
    std::optional<jailer::ThreadKind> kind;        // since its policy is in place
    bool wakes = false;                            // between the entry and the exit of such a call
  };

  CallTracer(Listener listener, ClockSource clock)
      : listener_(std::move(listener)), clock_(clock) {}

  [[nodiscard]] static bool Seize(pid_t process);
  // Until none is left.
  void Run();
  void OnStop(pid_t thread, int status);
  enum class Then { kResume, kHold };
  [[nodiscard]] Then OnSystemCall(pid_t thread);
  // What waitpid(2) says next; 0 where there is somebody to let go first.
  [[nodiscard]] pid_t AwaitStop(int& status) const;

  const Listener listener_;
  const ClockSource clock_;
  std::map<pid_t, Thread> threads_;
  std::deque<pid_t> held_;
};

}  // namespace mayfly::testing
