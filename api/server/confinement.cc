#include "api/server/confinement.h"

#include <signal.h>
#include <sys/prctl.h>

#include "base/status.h"
#include "jailer/brk_heap.h"
#include "jailer/landlock.h"
#include "jailer/sanitized.h"
#include "jailer/seccomp.h"
#include "jailer/violation.h"

namespace mayfly::api {

absl::Status ConfineProcess() {
  jailer::KeepHeapOnBrk();
  // A file that may not grow further (RLIMIT_FSIZE) is the guest's I/O error.
  if (::signal(SIGXFSZ, SIG_IGN) == SIG_ERR) return ErrnoStatus("ignoring SIGXFSZ");
  // Others of the same user may not trace this process or look into its memory, nor does it leave
  // any in a core dump (prctl(2)). Within a user namespace its starter may: it is whose namespace
  // it is (user_namespaces(7)).
  if (::prctl(PR_SET_DUMPABLE, 0) != 0)
    return ErrnoStatus("forbidding others to trace this process");
  MAYFLY_RETURN_IF_ERROR(jailer::ReportViolations());
  // A sanitizer's runtime opens files.
  if (jailer::kSanitized) return absl::OkStatus();
  // One layer of several, and not every kernel has it: `mayfly doctor` says so.
  return jailer::ForsakeFiles();
}

absl::Status FilterThread(vmm::ThreadRole role) {
  switch (role) {
    case vmm::ThreadRole::kVcpu:
      return jailer::InstallFilter(jailer::ThreadKind::kVcpu);
    case vmm::ThreadRole::kIo:
      return jailer::InstallFilter(jailer::ThreadKind::kIo);
    case vmm::ThreadRole::kControl:
      return jailer::InstallFilter(jailer::ThreadKind::kApi);
  }
  return absl::InternalError("a thread of no kind");
}

}  // namespace mayfly::api
