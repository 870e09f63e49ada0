#pragma once

#include <string>
#include <vector>

namespace mayfly::bench {

// How QEMU ends by its debug exit where the guest's status is 0: twice that, plus 1.
inline constexpr int kQemuStatus = 1;

// The command for QEMU microvm with a kernel and further words: as lean as it gets.
[[nodiscard]] std::vector<std::string> QemuMicrovm(const std::string& kernel,
                                                   const std::vector<std::string>& more = {});
// The same with a command line for the kernel, and virtio 1 devices.
[[nodiscard]] std::vector<std::string> QemuMicrovm(const std::string& kernel,
                                                   const std::string& cmdline,
                                                   const std::vector<std::string>& devices);

}  // namespace mayfly::bench
