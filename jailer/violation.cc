#include "jailer/violation.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <string_view>

#include "base/status.h"
#include "jailer/filters.h"

namespace mayfly::jailer {
namespace {

// SYS_SECCOMP of the kernel's siginfo.h, which the C library's knows nothing of.
constexpr int kBySeccomp = 1;

constinit thread_local const char* thread_name = "without a filter";

// Text of bounded size, put together without the heap, which a signal handler must not use.
class Line final {
 public:
  void Append(std::string_view text) {
    const std::string_view fitting = text.substr(0, room_.size());
    std::ranges::copy(fitting, room_.begin());
    room_ = room_.subspan(fitting.size());
  }
  void Append(int number) {
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.begin(), digits.end(), number).ptr;
    Append(std::string_view(digits.begin(), end));
  }
  [[nodiscard]] std::string_view text() const {
    return {bytes_.data(), bytes_.size() - room_.size()};
  }

 private:
  std::array<char, 128> bytes_{};
  std::span<char> room_ = bytes_;
};

void OnViolation(int /*signal*/, siginfo_t* info, void* /*context*/) {
  Line line;
  line.Append("seccomp: thread ");
  line.Append(thread_name);
  if (info->si_code == kBySeccomp) {
    line.Append(": system call ");
    line.Append(SystemCallName(info->si_syscall));
    line.Append(" (");
    line.Append(info->si_syscall);
    line.Append(")\n");
  } else {
    line.Append(": SIGSYS, and not for a system call\n");
  }
  // Nobody is left to be told where that fails.
  [[maybe_unused]] const ssize_t written =
      ::write(STDERR_FILENO, line.text().data(), line.text().size());
  ::_exit(kViolationStatus);
}

}  // namespace

void NameThreadForViolations(ThreadKind thread) { thread_name = ThreadName(thread); }

absl::Status ReportViolations() {
  struct sigaction action {};
  action.sa_sigaction = OnViolation;
  action.sa_flags = SA_SIGINFO;
  if (::sigaction(SIGSYS, &action, nullptr) != 0) {
    return ErrnoStatus("installing the handler of SIGSYS");
  }
  return absl::OkStatus();
}

}  // namespace mayfly::jailer
