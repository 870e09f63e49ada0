#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

// The ACPI tables (ACPI 6.5, chapter 5), as far as a tiny guest wants them. A table with a wrong
// checksum is none.

namespace mayfly::guest {

// The whole table with that signature, header included; empty if there is none.
[[nodiscard]] std::span<const std::byte> FindAcpiTable(std::string_view signature);

// A register that a table describes: 8 bits wide, in I/O or memory space.
class AcpiRegister final {
 public:
  enum class Space : uint8_t { kMemory = 0, kIo = 1 };
  AcpiRegister(Space space, uint64_t address) : space_(space), address_(address) {}
  void Write(uint8_t value) const;

 private:
  Space space_;
  uint64_t address_;
};

struct AcpiReset {
  AcpiRegister location;
  uint8_t value = 0;
};

// Where writing SLP_EN and the sleep type puts a hardware-reduced platform to sleep.
[[nodiscard]] std::optional<AcpiRegister> SleepControlRegister();
[[nodiscard]] std::optional<AcpiReset> ResetRegister();

// The local APICs of all usable CPUs.
[[nodiscard]] std::vector<uint32_t> AcpiCpus();

}  // namespace mayfly::guest
