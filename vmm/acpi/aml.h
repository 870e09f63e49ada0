#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "vmm/acpi/bytes.h"

// ACPI machine language (ACPI 6.5, chapter 20), as much as devices with fixed resources take. Each
// function answers the encoding of one object or term; terms are put one behind the other.
namespace mayfly::vmm::aml {

// Names are one segment of at most four characters, with a leading backslash for the root.
[[nodiscard]] Bytes Scope(std::string_view name, const Bytes& terms);
[[nodiscard]] Bytes Device(std::string_view name, const Bytes& terms);
[[nodiscard]] Bytes Name(std::string_view name, const Bytes& object);
// Of `arguments` (0 to 7), one call at a time.
[[nodiscard]] Bytes Method(std::string_view name, uint8_t arguments, const Bytes& terms);
// Tells whoever drives the device `name`.
[[nodiscard]] Bytes Notify(std::string_view name, uint32_t value);

[[nodiscard]] Bytes Integer(uint32_t value);
[[nodiscard]] Bytes String(std::string_view text);
// Such as "PNP0501" (ACPI 6.5, 19.3.4).
[[nodiscard]] Bytes EisaId(std::string_view id);
[[nodiscard]] Bytes Package(std::initializer_list<Bytes> elements);

// Resources (ACPI 6.5, 6.4), for the object of a _CRS.
[[nodiscard]] Bytes ResourceTemplate(std::initializer_list<Bytes> resources);
[[nodiscard]] Bytes Ports(uint16_t begin, uint8_t size);
[[nodiscard]] Bytes Memory(uint32_t begin, uint32_t size);
// Edge-triggered, active high, not shared.
[[nodiscard]] Bytes Interrupt(uint32_t gsi);

[[nodiscard]] Bytes Concatenate(std::initializer_list<Bytes> terms);

}  // namespace mayfly::vmm::aml
