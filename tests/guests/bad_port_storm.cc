// Reads and writes where no device is, at every width: a machine must survive it.

#include <algorithm>
#include <array>
#include <cstdint>

#include "images/unikernel/console.h"
#include "images/unikernel/io.h"
#include "images/unikernel/memory.h"

namespace {

using namespace mayfly::guest;

// Ports with effects: PIC, PIT, keyboard controller, marks, exit, ELCR, serial, panic, ACPI, and
// PCI configuration.
struct Ports {
  uint32_t first;
  uint32_t last;
};
constexpr std::array kClaimed = {
    Ports{0x20, 0x21},   Ports{0x40, 0x43},   Ports{0x60, 0x64},   Ports{0x70, 0x71},
    Ports{0x80, 0x80},   Ports{0x92, 0x92},   Ports{0xa0, 0xa1},   Ports{0xb2, 0xb3},
    Ports{0xf4, 0xf4},   Ports{0x3f8, 0x3ff}, Ports{0x4d0, 0x4d1}, Ports{0x505, 0x505},
    Ports{0x510, 0x51b}, Ports{0x600, 0x60f}, Ports{0xcf8, 0xcff},
};

bool Claimed(uint32_t port, uint32_t bytes) {
  return std::ranges::any_of(kClaimed, [port, bytes](const Ports& ports) {
    return port <= ports.last && port + bytes > ports.first;
  });
}

void StormPort(uint32_t port, uint32_t value) {
  const auto at = static_cast<uint16_t>(port);
  if (!Claimed(port, 1)) {
    WritePort8(at, static_cast<uint8_t>(value));
    static_cast<void>(ReadPort8(at));
  }
  if (!Claimed(port, 2)) {
    WritePort16(at, static_cast<uint16_t>(value));
    static_cast<void>(ReadPort16(at));
  }
  if (!Claimed(port, 4)) {
    WritePort32(at, value);
    static_cast<void>(ReadPort32(at));
  }
}

template <typename T>
void StormRegister(uint64_t address, uint64_t value) {
  WriteRegister<T>(address, static_cast<T>(value));
  static_cast<void>(ReadRegister<T>(address));
}

}  // namespace

int main() {
  constexpr uint32_t kPortStep = 61;  // prime: every alignment, a thousand ports
  constexpr uint32_t kLastPort = 0xffff;
  for (uint32_t port = 0; port <= kLastPort; port += kPortStep) StormPort(port, ~port);
  StormPort(kLastPort, kLastPort);

  constexpr uint64_t kHole = 0xd000'0000;  // where virtio devices would be
  constexpr uint64_t kHoleBytes = 0x100'0000;
  constexpr uint64_t kHoleStep = 0x10'00b;  // every alignment, page borders too
  MapMemory(kHole, kHoleBytes);
  for (uint64_t offset = 0; offset < kHoleBytes; offset += kHoleStep) {
    StormRegister<uint8_t>(kHole + offset, offset);
    StormRegister<uint16_t>(kHole + offset, offset);
    StormRegister<uint32_t>(kHole + offset, offset);
    StormRegister<uint64_t>(kHole + offset, offset);
  }
  Print("survived\n");
  return 0;
}
