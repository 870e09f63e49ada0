#include "vmm/acpi/acpi_tables.h"

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>

#include "base/checked.h"
#include "base/status.h"
#include "vmm/acpi/dsdt.h"
#include "vmm/devices/i8042.h"
#include "vmm/layout.h"

namespace mayfly::vmm {
namespace {

constexpr std::array<char, 6> kOem = {'M', 'A', 'Y', 'F', 'L', 'Y'};
constexpr std::array<char, 8> kOemTable = {'M', 'A', 'Y', 'F', 'L', 'Y', 'V', 'M'};
constexpr uint64_t kTableAlignment = 16;

// ACPI 6.5, 5.2.5.3. Its first 20 bytes have a checksum of their own, from the days of ACPI 1.0.
struct [[gnu::packed]] Rsdp {
  std::array<char, 8> signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '};
  uint8_t checksum = 0;
  std::array<char, 6> oem = kOem;
  uint8_t revision = 2;
  uint32_t rsdt = 0;
  uint32_t length = 36;
  uint64_t xsdt = 0;
  uint8_t extended_checksum = 0;
  std::array<uint8_t, 3> reserved{};
};
static_assert(sizeof(Rsdp) == 36);
constexpr size_t kRsdpFirstPart = 20;

// ACPI 6.5, 5.2.6.
struct [[gnu::packed]] TableHeader {
  std::array<char, 4> signature{};
  uint32_t length = 0;
  uint8_t revision = 0;
  uint8_t checksum = 0;
  std::array<char, 6> oem = kOem;
  std::array<char, 8> oem_table = kOemTable;
  uint32_t oem_revision = 1;
  std::array<char, 4> creator = {'M', 'A', 'Y', 'F'};
  uint32_t creator_revision = 1;
};
static_assert(sizeof(TableHeader) == 36);

// ACPI 6.5, 5.2.3.2: an 8-bit register in I/O space.
struct [[gnu::packed]] PortRegister {
  uint8_t space = 1;
  uint8_t width = 8;
  uint8_t offset = 0;
  uint8_t access = 1;
  uint64_t port = 0;
};
static_assert(sizeof(PortRegister) == 12);

// ACPI 6.5, 5.2.9, without its header; what hardware-reduced platforms leave zero is not named.
struct [[gnu::packed]] Fadt {
  uint32_t facs = 0;
  uint32_t dsdt = 0;
  std::array<uint8_t, 65> legacy{};
  uint16_t boot_architecture = 0;
  uint8_t reserved = 0;
  uint32_t flags = 0;
  PortRegister reset;
  uint8_t reset_value = 0;
  uint16_t arm_boot_architecture = 0;
  uint8_t minor_version = 3;
  uint64_t x_facs = 0;
  uint64_t x_dsdt = 0;
  std::array<uint8_t, 96> power_management{};
  PortRegister sleep_control;
  PortRegister sleep_status;
  uint64_t hypervisor = 0;
};
static_assert(sizeof(Fadt) + sizeof(TableHeader) == 276);

enum FadtFlag : uint32_t {
  kWbinvd = 1 << 0,
  kNoPowerButton = 1 << 4,
  kNoSleepButton = 1 << 5,
  kResetRegister = 1 << 10,
  kHardwareReduced = 1 << 20,
};

enum BootArchitecture : uint16_t {
  kLegacyDevices = 1 << 0,  // the serial port; bit 1, the 8042, stays clear: it has no keyboard
  kNoVga = 1 << 2,
  kNoMsi = 1 << 3,
  kNoCmosClock = 1 << 5,
};

// ACPI 6.5, 5.2.12.
struct [[gnu::packed]] Madt {
  uint32_t local_apic = static_cast<uint32_t>(layout::kLocalApic);
  uint32_t flags = 0;  // no pair of 8259s
};
struct [[gnu::packed]] MadtLocalApic {
  uint8_t type = 0;
  uint8_t length = 8;
  uint8_t processor = 0;
  uint8_t apic_id = 0;
  uint32_t flags = 1;  // enabled
};
struct [[gnu::packed]] MadtIoapic {
  uint8_t type = 1;
  uint8_t length = 12;
  uint8_t ioapic_id = 0;  // as KVM's IOAPIC says of itself
  uint8_t reserved = 0;
  uint32_t address = static_cast<uint32_t>(layout::kIoapic);
  uint32_t first_gsi = 0;
};
struct [[gnu::packed]] MadtNmi {
  uint8_t type = 4;
  uint8_t length = 6;
  uint8_t processor = 0xff;  // all
  uint16_t flags = 0;        // as the bus has it
  uint8_t input = 1;         // LINT1
};

Bytes Table(std::string_view signature, uint8_t revision, const Bytes& content) {
  TableHeader header;
  std::ranges::copy(signature, header.signature.begin());
  header.length = static_cast<uint32_t>(sizeof header + content.size());
  header.revision = revision;
  Bytes table;
  Append(table, header);
  AppendBytes(table, content);
  table[offsetof(TableHeader, checksum)] = std::byte{Checksum(table)};
  return table;
}

Bytes BuildMadt(unsigned cpus) {
  constexpr uint8_t kRevision = 5;
  Bytes content;
  Append(content, Madt());
  for (unsigned cpu = 0; cpu < cpus; ++cpu) {
    const auto id = static_cast<uint8_t>(cpu);
    Append(content, MadtLocalApic{.processor = id, .apic_id = id});
  }
  Append(content, MadtIoapic());
  Append(content, MadtNmi());
  return Table("APIC", kRevision, content);
}

Bytes BuildFadt(uint64_t dsdt) {
  constexpr uint8_t kRevision = 6;
  Fadt fadt;
  fadt.dsdt = static_cast<uint32_t>(dsdt);
  fadt.x_dsdt = dsdt;
  fadt.boot_architecture = kLegacyDevices | kNoVga | kNoMsi | kNoCmosClock;
  fadt.flags = kWbinvd | kNoPowerButton | kNoSleepButton | kResetRegister | kHardwareReduced;
  fadt.reset.port = layout::kI8042Command;
  fadt.reset_value = I8042::kPulseResetCommand;
  fadt.sleep_control.port = layout::kSleepControl;
  fadt.sleep_status.port = layout::kSleepStatus;
  fadt.hypervisor = std::bit_cast<uint64_t>(kOemTable);
  Bytes content;
  Append(content, fadt);
  return Table("FACP", kRevision, content);
}

Bytes BuildRsdp(uint64_t xsdt) {
  Rsdp rsdp;
  rsdp.xsdt = xsdt;
  Bytes bytes;
  Append(bytes, rsdp);
  bytes[offsetof(Rsdp, checksum)] = std::byte{Checksum(std::span(bytes).first(kRsdpFirstPart))};
  bytes[offsetof(Rsdp, extended_checksum)] = std::byte{Checksum(bytes)};
  return bytes;
}

// Lays tables out one behind the other.
class Layouter final {
 public:
  explicit Layouter(uint64_t begin) : begin_(begin) { bytes_.resize(kRsdpSpace); }

  // Where the table goes.
  uint64_t Place(const Bytes& table) {
    bytes_.resize(*AlignUp<uint64_t>(bytes_.size(), kTableAlignment));
    const uint64_t address = begin_ + bytes_.size();
    AppendBytes(bytes_, table);
    return address;
  }
  Bytes Finish(const Bytes& rsdp) {
    std::ranges::copy(rsdp, bytes_.begin());
    return std::move(bytes_);
  }

 private:
  static constexpr size_t kRsdpSpace = sizeof(Rsdp);
  const uint64_t begin_;
  Bytes bytes_;
};

}  // namespace

Bytes BuildAcpiTables(uint64_t address, unsigned cpus, size_t virtio_devices) {
  constexpr uint8_t kDsdtRevision = 2;
  constexpr uint8_t kXsdtRevision = 1;
  Layouter layouter(address);
  const uint64_t dsdt = layouter.Place(Table("DSDT", kDsdtRevision, DsdtTerms(virtio_devices)));
  Bytes pointers;
  Append(pointers, layouter.Place(BuildFadt(dsdt)));
  Append(pointers, layouter.Place(BuildMadt(cpus)));
  const uint64_t xsdt = layouter.Place(Table("XSDT", kXsdtRevision, pointers));
  return layouter.Finish(BuildRsdp(xsdt));
}

absl::StatusOr<uint64_t> WriteAcpiTables(const GuestMemory& memory, unsigned cpus,
                                         size_t virtio_devices) {
  const Bytes tables = BuildAcpiTables(layout::kAcpi, cpus, virtio_devices);
  if (tables.size() > layout::kAcpiSize) {
    return absl::InternalError("the ACPI tables are larger than their place");
  }
  MAYFLY_RETURN_IF_ERROR(memory.Write(layout::kAcpi, tables));
  return layout::kAcpi;
}

}  // namespace mayfly::vmm
