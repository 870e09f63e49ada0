#pragma once

#include <cstdint>
#include <string>

namespace mayfly::vmm {

// How a VM ended. The values are those of `ExitReason` in api/mayfly.capnp: append only.
enum class ExitReason : uint8_t {
  kStatus,         // a byte written to the exit port
  kPowerOff,       // ACPI S5
  kReset,          // i8042 or the ACPI reset register
  kTripleFault,    // KVM_EXIT_SHUTDOWN
  kGuestPanic,     // the panic port
  kKilled,         // by the host
  kTimeout,        // by the host's clock
  kInternalError,  // KVM or the VMM could not go on
  kViolation,      // the VMM did what it may not (seccomp), and was ended on the spot
  kOutOfMemory,    // the kernel ended it for want of memory
};

struct ExitStatus {
  ExitReason reason = ExitReason::kInternalError;
  uint8_t status = 0;  // for kStatus
  std::string detail;  // one sentence for people; for kInternalError then the registers and
                       // instruction bytes
};

}  // namespace mayfly::vmm
