#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/guest_memory.h"
#include "vmm/boot/boot_params.h"
#include "vmm/machine_config.h"

namespace mayfly::vmm {

// What a VM boots. The descriptors are borrowed for the call.
struct BootSource {
  const NamedFd& kernel;
  const std::optional<NamedFd>& initrd;
  std::string command_line;
  BootProtocol protocol = BootProtocol::kAuto;
  uint64_t rsdp = 0;
};

// Puts kernel, initrd, command line and the structures of the boot protocol into fresh guest
// memory. Errors: InvalidArgument, one sentence with the file and the remedy.
[[nodiscard]] absl::StatusOr<BootEntry> LoadBootImages(const BootSource& source,
                                                       const GuestMemory& memory);

}  // namespace mayfly::vmm
