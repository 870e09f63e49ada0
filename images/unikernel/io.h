#pragma once

#include <concepts>
#include <cstdint>

// Doors to the hardware: I/O ports and device registers in memory. Ring 3 may use every port (see
// entry.S).

namespace mayfly::guest {

inline void WritePort8(uint16_t port, uint8_t value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

inline void WritePort16(uint16_t port, uint16_t value) {
  asm volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

inline void WritePort32(uint16_t port, uint32_t value) {
  asm volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

[[nodiscard]] inline uint8_t ReadPort8(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}

[[nodiscard]] inline uint16_t ReadPort16(uint16_t port) {
  uint16_t value;
  asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}

[[nodiscard]] inline uint32_t ReadPort32(uint16_t port) {
  uint32_t value;
  asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
  return value;
}

// Registers of devices. The address must be mapped: see MapMemory() in memory.h.
template <std::unsigned_integral T>
[[nodiscard]] T ReadRegister(uint64_t address) {
  return *reinterpret_cast<volatile T*>(address);
}

template <std::unsigned_integral T>
void WriteRegister(uint64_t address, T value) {
  *reinterpret_cast<volatile T*>(address) = value;
}

}  // namespace mayfly::guest
