// The filters in the kernel: each test in a process of its own (a death test), which ends with a
// violation, or says that there was none.

#include "jailer/seccomp.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <memory>
#include <thread>

#include "gtest/gtest.h"
#include "jailer/brk_heap.h"
#include "jailer/policies/numbers.h"
#include "jailer/violation.h"

namespace mayfly::jailer {
namespace {

using ::testing::ExitedWithCode;
using ::testing::KilledBySignal;

// None of a violation's, and no success by chance.
constexpr int kNoViolation = 42;
constexpr int kNotInstalled = 43;

void Install(ThreadKind thread) {
  if (!InstallFilter(thread).ok()) ::_exit(kNotInstalled);
}

// Does `calls` on a thread with a filter, and ends the process from another, which has none.
[[noreturn]] void Under(ThreadKind kind, const std::function<void()>& calls) {
  KeepHeapOnBrk();
  if (!ReportViolations().ok()) ::_exit(kNotInstalled);
  std::thread([&] {
    Install(kind);
    calls();
  }).join();
  ::_exit(kNoViolation);
}

class SeccompTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "no filters under a sanitizer; runs in builds without one";
  }
};

using SeccompDeathTest = SeccompTest;

TEST_F(SeccompDeathTest, EveryKindOfThreadDoesWhatItMayAndEnds) {
  const int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  for (const ThreadKind kind : kThreadKinds) {
    if (kind == ThreadKind::kApi) continue;  // it ends with the process
    EXPECT_EXIT(Under(kind,
                      [event] {
                        const eventfd_t one = 1;
                        if (::write(event, &one, sizeof one) != sizeof one) ::abort();
                        constexpr size_t kLarge = size_t{4} << 20;
                        const auto large = std::make_unique<char[]>(kLarge);
                        large[kLarge - 1] = 1;
                      }),
                ExitedWithCode(kNoViolation), "^$")
        << ThreadName(kind);
  }
  ::close(event);
}

TEST_F(SeccompDeathTest, ADeniedCallEndsTheProcessAndIsNamed) {
  const auto open = [] { ::open("/proc/self/status", O_RDONLY | O_CLOEXEC); };
  EXPECT_EXIT(Under(ThreadKind::kApi, open), ExitedWithCode(kViolationStatus),
              "^seccomp: thread api: system call openat \\(257\\)\n$");
  EXPECT_EXIT(Under(ThreadKind::kIo, open), ExitedWithCode(kViolationStatus),
              "^seccomp: thread io: system call openat \\(257\\)\n$");
  EXPECT_EXIT(Under(ThreadKind::kVcpu, open), ExitedWithCode(kViolationStatus),
              "^seccomp: thread vcpu: system call openat \\(257\\)\n$");
}

TEST_F(SeccompDeathTest, ANumberThatIsNoSystemCallIsNamedByItself) {
  constexpr long kNone = 5000;
  EXPECT_EXIT(Under(ThreadKind::kIo, [] { ::syscall(kNone); }), ExitedWithCode(kViolationStatus),
              "^seccomp: thread io: system call unknown \\(5000\\)\n$");
}

TEST_F(SeccompDeathTest, ADeniedArgumentEndsTheProcess) {
  const int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  EXPECT_EXIT(Under(ThreadKind::kVcpu, [event] { ::ioctl(event, KVM_CREATE_VM, 0); }),
              ExitedWithCode(kViolationStatus), "thread vcpu: system call ioctl ");
  EXPECT_EXIT(Under(ThreadKind::kVcpu,
                    [event] {
                      const char byte = 0;
                      (void)!::write(event, &byte, sizeof byte);
                    }),
              ExitedWithCode(kViolationStatus), "thread vcpu: system call write ");
  EXPECT_EXIT(Under(ThreadKind::kIo, [] { ::kill(::getppid(), 0); }),
              ExitedWithCode(kViolationStatus), "thread io: system call getppid ");
  ::close(event);
}

TEST_F(SeccompDeathTest, MemoryCannotBeMadeExecutable) {
  void* const page = ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (const ThreadKind kind : kThreadKinds) {
    EXPECT_EXIT(Under(kind, [page] { ::mprotect(page, 4096, PROT_READ | PROT_EXEC); }),
                ExitedWithCode(kViolationStatus), "system call mprotect ");
  }
  ::munmap(page, 4096);
}

TEST_F(SeccompDeathTest, AFilterCannotBeReplaced) {
  EXPECT_EXIT(Under(ThreadKind::kIo, [] { (void)InstallFilter(ThreadKind::kApi); }),
              ExitedWithCode(kViolationStatus), "thread io: system call prctl ");
  EXPECT_EXIT(Under(ThreadKind::kIo, [] { (void)ReportViolations(); }),
              ExitedWithCode(kViolationStatus), "thread io: system call rt_sigaction ");
}

// The second thread has none: it opens files before and after the first one gets its own.
TEST_F(SeccompDeathTest, OtherThreadsGoOnWithoutAFilterUntilThen) {
  const auto run = [] {
    if (!ReportViolations().ok()) ::_exit(kNotInstalled);
    std::atomic<bool> filtered = false;
    std::atomic<bool> opened = false;
    std::thread([&] {
      Install(ThreadKind::kVcpu);
      filtered = true;
      while (!opened) ::sched_yield();
      ::syscall(SYS_openat, AT_FDCWD, "/", O_PATH);
    }).detach();
    while (!filtered) ::sched_yield();
    if (::open("/", O_PATH | O_CLOEXEC) < 0) ::_exit(kNotInstalled);
    opened = true;
    while (true) ::pause();
  };
  EXPECT_EXIT(run(), ExitedWithCode(kViolationStatus), "thread vcpu: system call openat ");
}

TEST_F(SeccompDeathTest, WithoutAHandlerTheKernelKills) {
  const auto run = [] {
    Install(ThreadKind::kApi);
    ::open("/", O_PATH | O_CLOEXEC);
    ::_exit(kNoViolation);
  };
  EXPECT_EXIT(run(), KilledBySignal(SIGSYS), "^$");
}

TEST_F(SeccompDeathTest, ABlockedSignalDoesNotHelp) {
  const auto run = [] {
    if (!ReportViolations().ok()) ::_exit(kNotInstalled);
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    Install(ThreadKind::kApi);
    ::open("/", O_PATH | O_CLOEXEC);
    ::_exit(kNoViolation);
  };
  EXPECT_EXIT(run(), KilledBySignal(SIGSYS), "^$");
}

TEST_F(SeccompDeathTest, ASignalFromOutsideIsNoSystemCall) {
  const auto run = [] {
    if (!ReportViolations().ok()) ::_exit(kNotInstalled);
    ::raise(SIGSYS);
  };
  EXPECT_EXIT(run(), ExitedWithCode(kViolationStatus),
              "^seccomp: thread without a filter: SIGSYS, and not for a system call\n$");
}

}  // namespace
}  // namespace mayfly::jailer
