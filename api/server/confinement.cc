#include "api/server/thread_filters.h"

#include "jailer/seccomp.h"

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

vmm::ThreadSetup ThreadFilters() {
  if (kSanitized) return nullptr;
  return FilterThread;
}

}  // namespace mayfly::api
