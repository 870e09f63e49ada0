#pragma once

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mayfly::vmm {

// One request of KVM's API (Documentation/virt/kvm/api.rst), with its name for messages.
struct KvmRequest {
  uint64_t number;
  std::string_view name;
};

// The status of a failed `request`: its name, strerror(3) and, where the reason is known, the
// remedy. Its code is never one of those that blame the user: InvalidArgument, OutOfRange,
// FailedPrecondition.
[[nodiscard]] absl::Status KvmError(const KvmRequest& request, int error);

// ioctl(2) with `argument`, as often as a signal interrupts it. Not for KVM_RUN, where an
// interruption means something.
template <typename Argument>
[[nodiscard]] absl::StatusOr<int> KvmCall(int fd, const KvmRequest& request, Argument argument) {
  int result = 0;
  do {
    result = ::ioctl(fd, request.number, argument);
  } while (result < 0 && errno == EINTR);
  if (result < 0) return KvmError(request, errno);
  return result;
}

// The same for requests whose result says nothing but success.
template <typename Argument>
[[nodiscard]] absl::Status KvmDo(int fd, const KvmRequest& request, Argument argument) {
  return KvmCall(fd, request, argument).status();
}

// Requests without an argument want a zero.
inline constexpr uint64_t kNoArgument = 0;

}  // namespace mayfly::vmm
