#include "jailer/filter_support.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::jailer {
namespace {

struct Answer {
  uint32_t action;
  const char* name;
};

// What policy_compiler.cc makes use of.
constexpr std::array kAnswers = {
    Answer{SECCOMP_RET_ALLOW, "allow"}, Answer{SECCOMP_RET_ERRNO, "errno"},
    Answer{SECCOMP_RET_TRAP, "trap"}, Answer{SECCOMP_RET_KILL_PROCESS, "kill_process"}};

}  // namespace

absl::Status LookForFilters() {
  for (const Answer& answer : kAnswers) {
    if (::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &answer.action) != 0) {
      return ErrnoStatus(absl::StrCat("asking the kernel for filters that answer ", answer.name));
    }
  }
  return absl::OkStatus();
}

}  // namespace mayfly::jailer
