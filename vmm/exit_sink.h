#pragma once

#include "vmm/exit_status.h"

namespace mayfly::vmm {

// Where a device or a vCPU says that the VM has ended. The first to say so is believed.
// Thread-safe; does not block for long, and the caller should not go on with the guest afterwards.
class ExitSink {
 public:
  ExitSink() = default;
  ExitSink(const ExitSink&) = delete;
  ExitSink& operator=(const ExitSink&) = delete;
  virtual ~ExitSink() = default;

  virtual void Exit(ExitStatus status) = 0;
};

}  // namespace mayfly::vmm
