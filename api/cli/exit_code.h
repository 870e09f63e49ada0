#pragma once

#include "absl/status/status.h"
#include "vmm/exit_status.h"

namespace mayfly::cli {

// The exit codes of `mayfly`, as `timeout`, `podman` and shells have taught people to read them.
enum class ExitCode : int {
  kSuccess = 0,
  kDoctorFindsFault = 1,
  kUsage = 2,          // a bad command or specification
  kTimeout = 124,      // as timeout(1)
  kFailure = 125,      // the VMM or the host, not the guest
  kHangup = 129,       // 128 + SIGHUP
  kInterrupted = 130,  // 128 + SIGINT
  kQuit = 131,         // 128 + SIGQUIT
  kGuestPanic = 134,   // 128 + SIGABRT
  kOutOfMemory = 137,  // 128 + SIGKILL
  kTripleFault = 139,  // 128 + SIGSEGV
  kBrokenPipe = 141,   // 128 + SIGPIPE
  kTerminated = 143,   // 128 + SIGTERM
  kViolation = 159,    // 128 + SIGSYS
};

// For `main`: what the guest's end makes of the command. A status byte is the code itself.
[[nodiscard]] int ExitCodeOf(const vmm::ExitStatus& status);
// A bad specification is the user's affair (kUsage), all else the host's (kFailure).
[[nodiscard]] ExitCode ExitCodeOf(const absl::Status& error);

// Whether the guest did not choose that end, so that the user should be told of it.
[[nodiscard]] bool IsWorthAWord(vmm::ExitReason reason);

}  // namespace mayfly::cli
