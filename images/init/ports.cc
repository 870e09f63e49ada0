#include "images/init/ports.h"

#include <sys/io.h>

namespace mayfly::init {
namespace {

// I/O privilege levels: of the kernel only, and of user space too. iopl() is cheaper than ioperm(),
// which copies 8 KiB of bitmap.
constexpr int kKernelOnly = 0;
constexpr int kUserSpace = 3;

}  // namespace

bool WritePort(Port port, std::uint8_t value) {
  if (iopl(kUserSpace) != 0) return false;
  outb(value, static_cast<std::uint16_t>(port));
  return iopl(kKernelOnly) == 0;
}

}  // namespace mayfly::init
