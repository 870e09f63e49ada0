#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "base/io_handler.h"

namespace mayfly::vmm {

// An address space of devices: ports, or memory-mapped registers.
//
// What no device claims reads as all ones and swallows writes, as on a PC. So does an access that
// straddles the end of a device, or has a width that no instruction has but KVM makes of one that
// straddles a page (3, 5, 6, 7 bytes).
//
// Threading: Add() before the first vCPU runs; then immutable, and Read() and Write() are for any
// thread.
class Bus final {
 public:
  // `device` serves [begin, begin + size) and outlives the bus. Errors: AlreadyExists where it
  // overlaps another's.
  [[nodiscard]] absl::Status Add(uint64_t begin, uint64_t size, IoHandler& device);

  void Read(uint64_t address, std::span<std::byte> out) const;
  void Write(uint64_t address, std::span<const std::byte> data) const;

 private:
  struct Range {
    uint64_t begin = 0;
    uint64_t size = 0;
    IoHandler* device = nullptr;
  };
  // The range that has all of [address, address + size), nullptr where none has.
  [[nodiscard]] const Range* Find(uint64_t address, uint64_t size) const;

  std::vector<Range> ranges_;  // ascending
};

}  // namespace mayfly::vmm
