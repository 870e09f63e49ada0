#pragma once

#include <asm/bootparam.h>

#include "absl/status/statusor.h"
#include "base/guest_memory.h"
#include "vmm/boot/boot_params.h"

namespace mayfly::vmm {

// Bytes of command line that x86 Linux keeps, without the NUL (COMMAND_LINE_SIZE - 1,
// arch/x86/include/asm/setup.h): the limit for kernels that cannot say theirs.
inline constexpr uint64_t kLinuxCommandLineLimit = 2047;

// The setup header for a kernel without one of its own: an ELF vmlinux.
[[nodiscard]] setup_header DefaultSetupHeader();

// Writes the zero page (Documentation/arch/x86/boot.rst, zero-page.rst) around `header`, and the
// identity map of the first 4 GiB, for the 64-bit entry of the Linux boot protocol at `entry`.
[[nodiscard]] absl::StatusOr<BootEntry> PrepareLinuxBoot(const GuestMemory& memory,
                                                         const BootParams& params,
                                                         const setup_header& header,
                                                         uint64_t entry);

}  // namespace mayfly::vmm
