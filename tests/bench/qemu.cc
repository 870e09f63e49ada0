#include "tests/bench/qemu.h"

namespace mayfly::bench {

std::vector<std::string> QemuMicrovm(const std::string& kernel,
                                     const std::vector<std::string>& more) {
  // Neither ACPI nor a PC's timers. Not with -cpu host: on a software KVM it aborts for an MSR that
  // cannot be set.
  std::vector<std::string> words = {"qemu-system-x86_64",
                                    "-M",
                                    "microvm,acpi=off,pit=off,pic=off,rtc=off",
                                    "-accel",
                                    "kvm",
                                    "-m",
                                    "128",
                                    "-nodefaults",
                                    "-no-user-config",
                                    "-display",
                                    "none",
                                    "-no-reboot",
                                    "-serial",
                                    "stdio",
                                    "-device",
                                    "isa-debug-exit,iobase=0xf4,iosize=1",
                                    "-kernel",
                                    kernel};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::vector<std::string> QemuMicrovm(const std::string& kernel, const std::string& cmdline,
                                     const std::vector<std::string>& devices) {
  std::vector<std::string> more = {"-global", "virtio-mmio.force-legacy=false", "-append", cmdline};
  more.insert(more.end(), devices.begin(), devices.end());
  return QemuMicrovm(kernel, more);
}

}  // namespace mayfly::bench
