#include "vmm/acpi/mp_table.h"

#include <array>
#include <cstddef>

#include "vmm/layout.h"

namespace mayfly::vmm {
namespace {

constexpr uint8_t kSpecification14 = 4;
constexpr uint8_t kApicVersion = 0x14;  // as KVM's local APIC says of itself

// MP 1.4, 4.1.
struct [[gnu::packed]] FloatingPointer {
  std::array<char, 4> signature = {'_', 'M', 'P', '_'};
  uint32_t table = 0;
  uint8_t length = 1;  // in paragraphs of 16 bytes
  uint8_t specification = kSpecification14;
  uint8_t checksum = 0;
  std::array<uint8_t, 5> features{};  // a table of our own; no PIC mode
};
static_assert(sizeof(FloatingPointer) == 16);

// MP 1.4, 4.2.
struct [[gnu::packed]] Header {
  std::array<char, 4> signature = {'P', 'C', 'M', 'P'};
  uint16_t length = 0;
  uint8_t specification = kSpecification14;
  uint8_t checksum = 0;
  std::array<char, 8> oem = {'M', 'A', 'Y', 'F', 'L', 'Y', ' ', ' '};
  std::array<char, 12> product = {'M', 'A', 'Y', 'F', 'L', 'Y', ' ', ' ', ' ', ' ', ' ', ' '};
  uint32_t oem_table = 0;
  uint16_t oem_size = 0;
  uint16_t entries = 0;
  uint32_t local_apic = static_cast<uint32_t>(layout::kLocalApic);
  uint16_t extended_length = 0;
  uint8_t extended_checksum = 0;
  uint8_t reserved = 0;
};
static_assert(sizeof(Header) == 44);

// MP 1.4, 4.3.
struct [[gnu::packed]] Processor {
  uint8_t type = 0;
  uint8_t apic_id = 0;
  uint8_t apic_version = kApicVersion;
  uint8_t flags = 0;
  uint32_t signature = 0;  // kernels ask the CPU itself
  uint32_t features = 0;
  std::array<uint32_t, 2> reserved{};
};
static_assert(sizeof(Processor) == 20);
enum ProcessorFlag : uint8_t { kEnabled = 1 << 0, kBootstrap = 1 << 1 };

struct [[gnu::packed]] IsaBus {
  uint8_t type = 1;
  uint8_t id = 0;
  std::array<char, 6> name = {'I', 'S', 'A', ' ', ' ', ' '};
};

struct [[gnu::packed]] Ioapic {
  uint8_t type = 2;
  uint8_t id = 0;
  uint8_t version = 0x11;
  uint8_t flags = kEnabled;
  uint32_t address = static_cast<uint32_t>(layout::kIoapic);
};

// An interrupt of the ISA bus: edge-triggered, active high, as all of ours are, also those
// above 15.
struct [[gnu::packed]] Interrupt {
  uint8_t type = 3;    // to an IOAPIC
  uint8_t kind = 0;    // a vectored interrupt
  uint16_t flags = 0;  // as the bus has it
  uint8_t bus = 0;
  uint8_t bus_irq = 0;
  uint8_t ioapic = 0;
  uint8_t pin = 0;
};

struct [[gnu::packed]] LocalInterrupt {
  uint8_t type = 4;
  uint8_t kind = 0;
  uint16_t flags = 0;
  uint8_t bus = 0;
  uint8_t bus_irq = 0;
  uint8_t apic = 0xff;  // all
  uint8_t input = 0;
};
constexpr uint8_t kNmi = 1;
constexpr uint8_t kExternal = 3;

// Pin 2 of an IOAPIC is where the timer of ISA interrupt 0 goes, as KVM routes it; interrupt 2
// itself is the second PIC.
constexpr uint8_t kTimerPin = 2;

// Answers the number of entries.
unsigned AppendInterrupts(Bytes& table, uint8_t ioapic) {
  for (uint8_t pin = 1; pin < layout::kIoapicPins; ++pin) {
    const uint8_t irq = pin == kTimerPin ? uint8_t{0} : pin;
    Append(table, Interrupt{.bus_irq = irq, .ioapic = ioapic, .pin = pin});
  }
  Append(table, LocalInterrupt{.kind = kExternal, .apic = 0, .input = 0});
  Append(table, LocalInterrupt{.kind = kNmi, .input = 1});
  return layout::kIoapicPins - 1 + 2;
}

}  // namespace

Bytes BuildMpTable(uint64_t address, unsigned cpus) {
  Bytes table;
  Header header;
  Append(table, header);
  for (unsigned cpu = 0; cpu < cpus; ++cpu) {
    const uint8_t flags = cpu == 0 ? kEnabled | kBootstrap : kEnabled;
    Append(table, Processor{.apic_id = static_cast<uint8_t>(cpu), .flags = flags});
  }
  // No two APICs of a table may share an ID; that of the IOAPIC follows the CPUs'.
  const auto ioapic = static_cast<uint8_t>(cpus);
  Append(table, IsaBus());
  Append(table, Ioapic{.id = ioapic});
  header.entries = static_cast<uint16_t>(cpus + 2 + AppendInterrupts(table, ioapic));

  header.length = static_cast<uint16_t>(table.size());
  const auto raw_header = std::as_bytes(std::span(&header, 1));
  std::copy(raw_header.begin(), raw_header.end(), table.begin());
  table[offsetof(Header, checksum)] = std::byte{Checksum(table)};

  FloatingPointer pointer;
  pointer.table = static_cast<uint32_t>(address + sizeof pointer);
  Bytes bytes;
  Append(bytes, pointer);
  bytes[offsetof(FloatingPointer, checksum)] = std::byte{Checksum(bytes)};
  AppendBytes(bytes, table);
  return bytes;
}

absl::Status WriteMpTable(const GuestMemory& memory, unsigned cpus) {
  const Bytes table = BuildMpTable(layout::kMpTable, cpus);
  if (table.size() > layout::kMpTableSize) {
    return absl::InternalError("the MP table is larger than its place");
  }
  return memory.Write(layout::kMpTable, table);
}

}  // namespace mayfly::vmm
