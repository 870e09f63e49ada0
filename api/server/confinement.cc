#include "api/server/confinement.h"

#include "base/status.h"
#include "jailer/brk_heap.h"
#include "jailer/landlock.h"
#include "jailer/seccomp.h"
#include "jailer/violation.h"

namespace mayfly::api {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

[[nodiscard]] absl::Status FilterThread(vmm::ThreadRole role) {
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

}  // namespace

absl::Status ConfineProcess() {
  jailer::KeepHeapOnBrk();
  MAYFLY_RETURN_IF_ERROR(jailer::ReportViolations());
  if (kSanitized) return absl::OkStatus();
  // One layer of several, and not every kernel has it: `mayfly doctor` says so.
  return jailer::ForsakeFiles().status();
}

vmm::ThreadSetup ThreadFilters() {
  if (kSanitized) return nullptr;
  return FilterThread;
}

}  // namespace mayfly::api
