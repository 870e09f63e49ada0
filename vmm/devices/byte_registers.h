#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/io_handler.h"

namespace mayfly::vmm {

// A device whose registers are single bytes, as on the ISA bus: a wider access is one to each byte
// of it, lowest first (what a PC's chipset makes of it).
class ByteRegisters : public IoHandler {
 public:
  void Read(uint64_t offset, std::span<std::byte> out) final {
    for (std::byte& byte : out) byte = std::byte{ReadByte(offset++)};
  }
  void Write(uint64_t offset, std::span<const std::byte> data) final {
    for (const std::byte byte : data) WriteByte(offset++, std::to_integer<uint8_t>(byte));
  }

 private:
  [[nodiscard]] virtual uint8_t ReadByte(uint64_t offset) = 0;
  virtual void WriteByte(uint64_t offset, uint8_t value) = 0;
};

}  // namespace mayfly::vmm
