#include "images/unikernel/acpi.h"

#include <array>
#include <cstring>

#include "images/unikernel/boot_info.h"
#include "images/unikernel/io.h"
#include "images/unikernel/memory.h"

namespace mayfly::guest {
namespace {

using Bytes = std::span<const std::byte>;

// Offsets (ACPI 6.5, 5.2.5.3, 5.2.6, 5.2.9 and 5.2.12).
constexpr size_t kXsdtPointer = 24;
constexpr size_t kRootPointerBytes = 36;
constexpr size_t kLength = 4;
constexpr size_t kHeaderBytes = 36;
constexpr size_t kFadtFlags = 112;
constexpr size_t kFadtResetRegister = 116;
constexpr size_t kFadtResetValue = 128;
constexpr size_t kFadtSleepControl = 244;
constexpr size_t kMadtEntries = 44;
constexpr uint32_t kResetRegisterSupported = 1 << 10;
constexpr size_t kRegisterAddress = 4;

constexpr uint64_t kMaxTableBytes = 1 << 20;

// 0 beyond the end of the table: older tables are shorter, and what they lack does not exist.
template <typename T>
T Field(Bytes table, size_t offset) {
  T value{};
  if (offset <= table.size() && sizeof value <= table.size() - offset) {
    std::memcpy(&value, table.data() + offset, sizeof value);
  }
  return value;
}

Bytes Memory(uint64_t address, uint64_t size) {
  MapMemory(address, size);
  return {reinterpret_cast<const std::byte*>(address), size};
}

bool SumsToZero(Bytes table) {
  unsigned sum = 0;
  for (const std::byte byte : table) sum += std::to_integer<unsigned>(byte);
  return (sum & 0xff) == 0;
}

// The table at `address`; empty if there is none.
Bytes TableAt(uint64_t address) {
  if (address == 0) return {};
  const auto length = Field<uint32_t>(Memory(address, kHeaderBytes), kLength);
  if (length < kHeaderBytes || length > kMaxTableBytes) return {};
  const Bytes table = Memory(address, length);
  return SumsToZero(table) ? table : Bytes();
}

bool HasSignature(Bytes table, std::string_view signature) {
  return table.size() >= signature.size() &&
         std::memcmp(table.data(), signature.data(), signature.size()) == 0;
}

std::optional<AcpiRegister> RegisterAt(Bytes table, size_t offset) {
  const auto space = Field<uint8_t>(table, offset);
  const auto address = Field<uint64_t>(table, offset + kRegisterAddress);
  if (address == 0 || space > static_cast<uint8_t>(AcpiRegister::Space::kIo)) return std::nullopt;
  return AcpiRegister(AcpiRegister::Space{space}, address);
}

}  // namespace

Bytes FindAcpiTable(std::string_view signature) {
  const uint64_t root = AcpiRootPointer();
  if (root == 0 || !HasSignature(Memory(root, kRootPointerBytes), "RSD PTR ")) return {};
  const Bytes xsdt = TableAt(Field<uint64_t>(Memory(root, kRootPointerBytes), kXsdtPointer));
  for (size_t at = kHeaderBytes; at < xsdt.size(); at += sizeof(uint64_t)) {
    const Bytes table = TableAt(Field<uint64_t>(xsdt, at));
    if (HasSignature(table, signature)) return table;
  }
  return {};
}

void AcpiRegister::Write(uint8_t value) const {
  if (space_ == Space::kIo) {
    WritePort8(static_cast<uint16_t>(address_), value);
  } else {
    MapMemory(address_, sizeof value);
    WriteRegister<uint8_t>(address_, value);
  }
}

std::optional<AcpiRegister> SleepControlRegister() {
  return RegisterAt(FindAcpiTable("FACP"), kFadtSleepControl);
}

std::optional<AcpiReset> ResetRegister() {
  const Bytes fadt = FindAcpiTable("FACP");
  if ((Field<uint32_t>(fadt, kFadtFlags) & kResetRegisterSupported) == 0) return std::nullopt;
  const std::optional<AcpiRegister> location = RegisterAt(fadt, kFadtResetRegister);
  if (!location) return std::nullopt;
  return AcpiReset{.location = *location, .value = Field<uint8_t>(fadt, kFadtResetValue)};
}

std::vector<uint32_t> AcpiCpus() {
  constexpr uint8_t kLocalApic = 0;
  constexpr uint8_t kLocalX2Apic = 9;
  constexpr uint32_t kEnabled = 1 << 0;
  std::vector<uint32_t> cpus;
  const Bytes madt = FindAcpiTable("APIC");
  for (size_t at = kMadtEntries; at < madt.size();) {
    const auto type = Field<uint8_t>(madt, at);
    const auto length = Field<uint8_t>(madt, at + 1);
    if (length == 0) break;
    if (type == kLocalApic && (Field<uint32_t>(madt, at + 4) & kEnabled) != 0) {
      cpus.push_back(Field<uint8_t>(madt, at + 3));
    }
    if (type == kLocalX2Apic && (Field<uint32_t>(madt, at + 8) & kEnabled) != 0) {
      cpus.push_back(Field<uint32_t>(madt, at + 4));
    }
    at += length;
  }
  return cpus;
}

}  // namespace mayfly::guest
