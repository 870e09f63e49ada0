#include "tests/jail/call_tracer.h"

#include <linux/filter.h>
#include <linux/futex.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "jailer/filters.h"
#include "tests/jail/traced_memory.h"

namespace mayfly::testing {
namespace {

constexpr int kCannotFollow = 97;

// With EXITKILL, so that a tracer that fails is noticed.
constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                          PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
constexpr int kSystemCallStop = SIGTRAP | 0x80;  // with TRACESYSGOOD
constexpr int kEventShift = 16;

// When so many looks find nobody stopped, all others wait, or run without system calls.
constexpr int kLooks = 10;
constexpr std::chrono::microseconds kBetweenLooks{100};

// ESRCH: it was killed meanwhile, and waitpid(2) will say so.
void Resume(pid_t thread, int signal) {
  ::ptrace(PTRACE_SYSCALL, thread, nullptr, uintptr_t(signal));
}

bool IsGroupStop(int event, int signal) { return event == PTRACE_EVENT_STOP && signal != SIGTRAP; }

// The kind of thread whose policy is the program that `thread` shows to seccomp(2) at `address`.
std::optional<jailer::ThreadKind> KindOfFilter(pid_t thread, uint64_t address) {
  sock_fprog program{};
  if (!ReadTraced(thread, address, std::as_writable_bytes(std::span(&program, 1)))) {
    return std::nullopt;
  }
  std::vector<sock_filter> steps(program.len);
  if (!ReadTraced(thread, reinterpret_cast<uintptr_t>(program.filter),
                  std::as_writable_bytes(std::span(steps)))) {
    return std::nullopt;
  }
  const auto same = [](const sock_filter& a, const sock_filter& b) {
    return a.code == b.code && a.jt == b.jt && a.jf == b.jf && a.k == b.k;
  };
  for (const jailer::ThreadKind kind : jailer::kThreadKinds) {
    if (std::ranges::equal(steps, jailer::FilterOf(kind), same)) return kind;
  }
  return std::nullopt;
}

seccomp_data ToCall(const __ptrace_syscall_info& info) {
  seccomp_data call{};
  call.nr = static_cast<int>(info.entry.nr);
  call.arch = info.arch;
  call.instruction_pointer = info.instruction_pointer;
  std::ranges::copy(info.entry.args, std::begin(call.args));
  return call;
}

}  // namespace

void CallTracer::FollowCaller(Listener listener, ClockSource clock) {
  std::array<int, 2> ready{};
  if (::pipe(ready.data()) != 0) ::_exit(kCannotFollow);
  const pid_t followed = ::getpid();
  const pid_t tracer = ::fork();
  if (tracer < 0) ::_exit(kCannotFollow);
  if (tracer == 0) {
    const bool seized = Seize(followed);
    if (seized) [[maybe_unused]]
      const ssize_t told = ::write(ready[1], "", 1);
    // What the followed one shares with others is not for us to hold open.
    ::close_range(0, ~0U, 0);
    if (!seized) ::_exit(kCannotFollow);
    CallTracer(std::move(listener), clock).Run();
    ::_exit(EXIT_SUCCESS);
  }
  ::close(ready[1]);
  char byte = 0;
  if (::read(ready[0], &byte, 1) != 1) ::_exit(kCannotFollow);
  ::close(ready[0]);
}

// It runs on, until the interruption: only who is stopped can be told to stop at system calls.
bool CallTracer::Seize(pid_t process) {
  return ::ptrace(PTRACE_SEIZE, process, nullptr, kOptions) == 0 &&
         ::ptrace(PTRACE_INTERRUPT, process, nullptr, nullptr) == 0;
}

void CallTracer::Run() {
  while (true) {
    int status = 0;
    const pid_t thread = AwaitStop(status);
    if (thread < 0 && errno == EINTR) continue;
    if (thread < 0) return;
    if (thread == 0) {
      Resume(held_.front(), 0);
      held_.pop_front();
    } else if (WIFSTOPPED(status)) {
      OnStop(thread, status);
    } else {
      threads_.erase(thread);
    }
  }
}

pid_t CallTracer::AwaitStop(int& status) const {
  if (held_.empty()) return ::waitpid(-1, &status, __WALL);
  for (int look = 0; look < kLooks; ++look) {
    const pid_t thread = ::waitpid(-1, &status, __WALL | WNOHANG);
    if (thread != 0) return thread;
    std::this_thread::sleep_for(kBetweenLooks);
  }
  return 0;
}

void CallTracer::OnStop(pid_t thread, int status) {
  const int signal = WSTOPSIG(status);
  const int event = status >> kEventShift;
  if (signal == kSystemCallStop) {
    if (OnSystemCall(thread) == Then::kHold) {
      held_.push_back(thread);
    } else {
      Resume(thread, 0);
    }
  } else if (event == 0) {
    Resume(thread, signal);  // on its way to the thread
  } else if (IsGroupStop(event, signal)) {
    ::ptrace(PTRACE_LISTEN, thread, nullptr, nullptr);
  } else {
    if (event == PTRACE_EVENT_EXEC && clock_ == ClockSource::kSystemCalls) HideVdso(thread);
    Resume(thread, 0);
  }
}

CallTracer::Then CallTracer::OnSystemCall(pid_t thread) {
  __ptrace_syscall_info info{};
  if (::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) < 0) return Then::kResume;
  Thread& state = threads_[thread];
  if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
    if (std::exchange(state.wakes, false)) return Then::kHold;
    const auto installed = std::exchange(state.installing, std::nullopt);
    if (!installed || info.exit.rval != 0) return Then::kResume;
    state.kind = installed;
    return Then::kHold;
  }
  if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return Then::kResume;
  const seccomp_data call = ToCall(info);
  if (state.kind) {
    listener_(*state.kind, call);
    state.wakes = call.nr == SYS_futex && call.args[1] == FUTEX_WAKE_PRIVATE;
  } else if (call.nr == SYS_seccomp && call.args[0] == SECCOMP_SET_MODE_FILTER) {
    state.installing = KindOfFilter(thread, call.args[2]);
  }
  return Then::kResume;
}

}  // namespace mayfly::testing
