#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mayfly {

// Something a guest reaches by port I/O or memory-mapped I/O: a range of a bus.
//
// Offsets are relative to the range's begin; widths are 1, 2, 4 or 8 bytes, little-endian, and the
// bus guarantees that an access lies within the range. Any width at any alignment can come: what a
// device does not define reads as zero and ignores writes, it never fails.
//
// Threading: called on the vCPU threads, several at once. An implementation guards itself, and does
// not block: the vCPU stands still meanwhile.
class IoHandler {
 public:
  IoHandler() = default;
  IoHandler(const IoHandler&) = delete;
  IoHandler& operator=(const IoHandler&) = delete;
  virtual ~IoHandler() = default;

  // Fills `out`.
  virtual void Read(uint64_t offset, std::span<std::byte> out) = 0;
  virtual void Write(uint64_t offset, std::span<const std::byte> data) = 0;
};

}  // namespace mayfly
