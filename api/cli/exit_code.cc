#include "api/cli/exit_code.h"

namespace mayfly::cli {

int ExitCodeOf(const vmm::ExitStatus& status) {
  const auto code = [](ExitCode value) { return static_cast<int>(value); };
  switch (status.reason) {
    case vmm::ExitReason::kStatus:
      return status.status;
    case vmm::ExitReason::kPowerOff:
    case vmm::ExitReason::kReset:
      return code(ExitCode::kSuccess);
    case vmm::ExitReason::kTripleFault:
      return code(ExitCode::kTripleFault);
    case vmm::ExitReason::kGuestPanic:
      return code(ExitCode::kGuestPanic);
    case vmm::ExitReason::kKilled:
      return code(ExitCode::kTerminated);
    case vmm::ExitReason::kTimeout:
      return code(ExitCode::kTimeout);
    case vmm::ExitReason::kInternalError:
      return code(ExitCode::kFailure);
    case vmm::ExitReason::kViolation:
      return code(ExitCode::kViolation);
    case vmm::ExitReason::kOutOfMemory:
      return code(ExitCode::kOutOfMemory);
  }
  return code(ExitCode::kFailure);
}

ExitCode ExitCodeOf(const absl::Status& error) {
  switch (error.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kSuccess;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kFailedPrecondition:  // a file in use, an overlay of another base
      return ExitCode::kUsage;
    default:
      return ExitCode::kFailure;
  }
}

bool IsWorthAWord(vmm::ExitReason reason) {
  switch (reason) {
    case vmm::ExitReason::kStatus:
    case vmm::ExitReason::kPowerOff:
    case vmm::ExitReason::kReset:
      return false;
    case vmm::ExitReason::kTripleFault:
    case vmm::ExitReason::kGuestPanic:
    case vmm::ExitReason::kKilled:
    case vmm::ExitReason::kTimeout:
    case vmm::ExitReason::kInternalError:
    case vmm::ExitReason::kViolation:
    case vmm::ExitReason::kOutOfMemory:
      return true;
  }
  return true;
}

}  // namespace mayfly::cli
