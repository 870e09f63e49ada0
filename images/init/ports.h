#pragma once

#include <cstdint>

namespace mayfly::init {

// The I/O ports by which a guest speaks to Mayfly.
enum class Port : std::uint16_t {
  kBootMark = 0x80,    // how far the boot has come, for the timeline
  kExitStatus = 0xf4,  // ends the VM, with the byte as its status
};

// The boot mark that is ours to write.
inline constexpr std::uint8_t kUserSpaceReached = 0x41;

// Writes one byte. False when this kernel permits no port I/O (it lacks CONFIG_X86_IOPL_IOPERM, or
// is locked down). The permission is given back at once, so that no child inherits it.
[[nodiscard]] bool WritePort(Port port, std::uint8_t value);

}  // namespace mayfly::init
