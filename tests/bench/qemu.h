#pragma once

#include <string>
#include <vector>

namespace mayfly::bench {

// How QEMU ends by its debug exit where the guest's status is 0: twice that, plus 1.
inline constexpr int kQemuStatus = 1;

// The command for QEMU microvm with a kernel, its command line and further words, devices above
// all: as lean as it gets, with virtio 1 devices.
[[nodiscard]] std::vector<std::string> QemuMicrovm(const std::string& kernel,
                                                   const std::string& cmdline,
                                                   const std::vector<std::string>& more);

}  // namespace mayfly::bench
