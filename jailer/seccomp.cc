#include "jailer/seccomp.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <span>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "jailer/filters.h"
#include "jailer/violation.h"

namespace mayfly::jailer {

absl::Status InstallFilter(ThreadKind thread) {
  if (kSanitized) return absl::OkStatus();
  // Without this, the kernel asks for CAP_SYS_ADMIN.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return ErrnoStatus("renouncing new privileges");
  }
  const std::span<const sock_filter> filter = FilterOf(thread);
  // The kernel copies the program, and does not write to it.
  const sock_fprog program{.len = static_cast<uint16_t>(filter.size()),
                           .filter = const_cast<sock_filter*>(filter.data())};
  NameThreadForViolations(thread);
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    return ErrnoStatus(absl::StrCat("installing the seccomp filter of the ", ThreadName(thread),
                                    " thread (the kernel needs CONFIG_SECCOMP_FILTER)"));
  }
  return absl::OkStatus();
}

}  // namespace mayfly::jailer
