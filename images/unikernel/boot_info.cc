#include "images/unikernel/boot_info.h"

#include <algorithm>
#include <array>

#include "images/unikernel/layout.h"
#include "images/unikernel/start.h"

extern "C" std::byte image_end[];  // linker script

namespace mayfly::guest {
namespace {

// Xen's public/arch-x86/hvm/start_info.h.
struct HvmStartInfo {
  uint32_t magic;
  uint32_t version;
  uint32_t flags;
  uint32_t module_count;
  uint64_t modules;
  uint64_t command_line;
  uint64_t root_pointer;
  uint64_t memory_map;  // from version 1 on, like the rest
  uint32_t memory_map_entries;
  uint32_t reserved;
};

struct HvmModule {
  uint64_t address;
  uint64_t size;
  uint64_t command_line;
  uint64_t reserved;
};

struct HvmMemoryRange {
  uint64_t address;
  uint64_t size;
  uint32_t type;
  uint32_t reserved;
};

// Documentation/arch/x86/zero-page.rst and boot.rst: where the fields of boot_params lie.
enum BootParams : uint64_t {
  kRootPointer = 0x070,
  kInitrdHigh = 0x0c0,
  kInitrdSizeHigh = 0x0c4,
  kCommandLineHigh = 0x0c8,
  kE820Count = 0x1e8,
  kInitrdLow = 0x218,
  kInitrdSizeLow = 0x21c,
  kCommandLineLow = 0x228,
  kE820Table = 0x2d0,
  kBootParamsSize = 0x1000,
};

struct [[gnu::packed]] E820Entry {
  uint64_t address;
  uint64_t size;
  uint32_t type;
};

template <typename T>
const T& At(uint64_t address) {
  return *reinterpret_cast<const T*>(address);
}

template <size_t kCapacity>
class RangeList final {
 public:
  void Add(uint64_t address, uint64_t size, MemoryType type) {
    if (count_ == kCapacity || size == 0 || address + size < address) return;
    ranges_[count_++] = {.address = address, .size = size, .type = type};
  }
  [[nodiscard]] std::span<const MemoryRange> ranges() const { return {ranges_.data(), count_}; }

 private:
  std::array<MemoryRange, kCapacity> ranges_;
  size_t count_ = 0;
};

struct BootInfo {
  RangeList<128> memory;
  RangeList<8> occupied;
  std::span<const std::byte> initrd;
  uint64_t root_pointer = 0;
  std::string_view command_line;

  void Occupy(uint64_t address, uint64_t size) { occupied.Add(address, size, MemoryType::kRam); }

  void SetCommandLine(uint64_t address) {
    if (address == 0) return;
    command_line = reinterpret_cast<const char*>(address);
    Occupy(address, command_line.size() + 1);
  }

  void SetInitrd(uint64_t address, uint64_t size) {
    if (size == 0) return;
    initrd = {reinterpret_cast<const std::byte*>(address), size};
    Occupy(address, size);
  }

  void ReadHvmStartInfo(uint64_t address) {
    const auto& info = At<HvmStartInfo>(address);
    Occupy(address, sizeof info);
    root_pointer = info.root_pointer;
    SetCommandLine(info.command_line);
    if (info.module_count > 0) {
      const auto& module = At<HvmModule>(info.modules);
      Occupy(info.modules, info.module_count * sizeof module);
      SetInitrd(module.address, module.size);
    }
    if (info.version < 1) return;
    const auto* map = &At<HvmMemoryRange>(info.memory_map);
    Occupy(info.memory_map, info.memory_map_entries * sizeof *map);
    for (const HvmMemoryRange& range : std::span(map, info.memory_map_entries)) {
      memory.Add(range.address, range.size, MemoryType{range.type});
    }
  }

  void ReadBootParams(uint64_t address) {
    const auto join = [address](uint64_t low, uint64_t high) {
      return At<uint32_t>(address + low) | uint64_t{At<uint32_t>(address + high)} << 32;
    };
    Occupy(address, kBootParamsSize);
    root_pointer = At<uint64_t>(address + kRootPointer);
    SetCommandLine(join(kCommandLineLow, kCommandLineHigh));
    SetInitrd(join(kInitrdLow, kInitrdHigh), join(kInitrdSizeLow, kInitrdSizeHigh));
    const auto* map = &At<E820Entry>(address + kE820Table);
    for (const E820Entry& entry : std::span(map, At<uint8_t>(address + kE820Count))) {
      memory.Add(entry.address, entry.size, MemoryType{entry.type});
    }
  }
};

// Read when somebody asks: a program that does not ask touches none of it.
const BootInfo& Boot() {
  static BootInfo info;
  static bool read = false;
  if (!read) {
    read = true;
    info.Occupy(0, reinterpret_cast<uint64_t>(image_end));
    if (boot_source.protocol == MAYFLY_BOOT_PVH) {
      info.ReadHvmStartInfo(boot_source.address);
    } else {
      info.ReadBootParams(boot_source.address);
    }
  }
  return info;
}

}  // namespace

std::span<const MemoryRange> MemoryMap() { return Boot().memory.ranges(); }
std::span<const MemoryRange> OccupiedMemory() { return Boot().occupied.ranges(); }
std::span<const std::byte> Initrd() { return Boot().initrd; }
uint64_t AcpiRootPointer() { return Boot().root_pointer; }
std::string_view CommandLine() { return Boot().command_line; }

}  // namespace mayfly::guest
