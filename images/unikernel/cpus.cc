#include "images/unikernel/cpus.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "images/unikernel/acpi.h"
#include "images/unikernel/boot_info.h"
#include "images/unikernel/clock.h"
#include "images/unikernel/layout.h"
#include "images/unikernel/local_apic.h"
#include "images/unikernel/memory.h"
#include "images/unikernel/power.h"
#include "images/unikernel/ring_0.h"
#include "images/unikernel/start.h"

namespace mayfly::guest {
namespace {

constexpr size_t kStackBytes = 16 << 10;
constexpr size_t kRing0StackBytes = 512;
constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kLowMemoryEnd = 640 << 10;
constexpr size_t kTaskStateSelectorIndex = MAYFLY_TASK_STATE / sizeof(uint64_t);
constexpr uint64_t kAvailableTaskState = 0x890000000000;

// Intel SDM volume 3, 8.7 (64-bit task state segment) and what else a CPU needs of its own.
struct [[gnu::packed]] TaskState {
  uint32_t reserved_0;
  uint64_t ring_0_stack;
  uint8_t reserved_1[90];
  uint16_t port_permissions_offset;
  uint8_t port_permissions[MAYFLY_PORT_PERMISSION_BYTES];
};
static_assert(offsetof(TaskState, port_permissions) == MAYFLY_TASK_STATE_BYTES);

struct Frame {  // for iretq
  uint64_t rip;
  uint64_t cs;
  uint64_t rflags;
  uint64_t rsp;
  uint64_t ss;
};

enum class CpuState : uint32_t { kStopped, kStarting, kRunning };

struct [[gnu::packed]] GdtPointer {
  uint16_t limit;
  uint64_t base;
};

struct alignas(16) Cpu {
  Frame frame;
  uint8_t padding[MAYFLY_CPU_GDT_POINTER - sizeof(Frame)];
  GdtPointer gdt_pointer;
  std::array<uint64_t, MAYFLY_GDT_BYTES / sizeof(uint64_t)> gdt;
  TaskState task_state;
  alignas(16) std::array<std::byte, kRing0StackBytes> ring_0_stack;
  alignas(16) std::array<std::byte, kStackBytes> stack;
  uint32_t apic_id;
  std::atomic<CpuState> state;
  CpuFunction function;
  void* argument;
};
static_assert(offsetof(Cpu, frame) == MAYFLY_CPU_FRAME);
static_assert(offsetof(Cpu, gdt_pointer) == MAYFLY_CPU_GDT_POINTER);

}  // namespace
}  // namespace mayfly::guest

extern "C" {
extern const std::array<uint64_t, MAYFLY_GDT_BYTES / sizeof(uint64_t)> boot_gdt;  // entry.S
extern const std::byte ap_trampoline[];                                           // ap_start.S
extern const std::byte ap_trampoline_end[];                                       // ap_start.S
mayfly::guest::Cpu* starting_cpu = nullptr;  // ap_start.S reads it
}

namespace mayfly::guest {
namespace {

template <typename T>
uint64_t EndOf(const T& array) {
  return reinterpret_cast<uint64_t>(array.data() + array.size());
}

[[noreturn]] void RunCpu(Cpu* cpu) {
  cpu->state = CpuState::kRunning;
  PrepareFloatingPoint();
  cpu->function(cpu->argument);
  cpu->state = CpuState::kStopped;
  Halt();
}

// Before each start: a CPU that loads the descriptor marks it busy and could not load it again.
void DescribeTaskState(Cpu& cpu) {
  const auto base = reinterpret_cast<uint64_t>(&cpu.task_state);
  constexpr uint64_t kLimit = sizeof(TaskState) - 1;
  cpu.gdt[kTaskStateSelectorIndex] =
      kAvailableTaskState | kLimit | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
  cpu.gdt[kTaskStateSelectorIndex + 1] = base >> 32;
}

std::unique_ptr<Cpu> MakeCpu(uint32_t apic_id) {
  auto cpu = std::make_unique<Cpu>();
  cpu->gdt = boot_gdt;
  cpu->gdt_pointer = {.limit = MAYFLY_GDT_BYTES - 1,
                      .base = reinterpret_cast<uint64_t>(cpu->gdt.data())};
  cpu->task_state.ring_0_stack = EndOf(cpu->ring_0_stack);
  cpu->task_state.port_permissions_offset = MAYFLY_TASK_STATE_BYTES;
  cpu->apic_id = apic_id;
  return cpu;
}

// All but the boot CPU; made when first asked for.
const std::vector<std::unique_ptr<Cpu>>& OtherCpus() {
  static const std::vector<std::unique_ptr<Cpu>> cpus = [] {
    std::vector<std::unique_ptr<Cpu>> others;
    const uint32_t self = LocalApicId();
    for (const uint32_t apic_id : AcpiCpus()) {
      if (apic_id != self && apic_id < 0xff) others.push_back(MakeCpu(apic_id));
    }
    return others;
  }();
  return cpus;
}

Cpu* Find(size_t index) {
  return index > 0 && index <= OtherCpus().size() ? OtherCpus()[index - 1].get() : nullptr;
}

// The last page of RAM below 640 KiB that nobody occupies. OccupiedMemory() lists all low memory,
// hence a look of our own at what the loader put there.
uint64_t TrampolinePage() {
  static const uint64_t page = [] {
    uint64_t found = 0;
    for (const MemoryRange& range : MemoryMap()) {
      if (range.type != MemoryType::kRam || range.address >= kLowMemoryEnd) continue;
      const uint64_t end = std::min(range.end(), kLowMemoryEnd) & ~(kPageBytes - 1);
      for (uint64_t at = end - kPageBytes; at >= kPageBytes && at >= range.address && at < end;
           at -= kPageBytes) {
        const bool occupied =
            std::ranges::any_of(OccupiedMemory().subspan(1), [at](const MemoryRange& other) {
              return other.address < at + kPageBytes && at < other.end();
            });
        if (!occupied) {
          found = std::max(found, at);
          break;
        }
      }
    }
    if (found == 0) Panic("guest panic: no free page below 640 KiB to start a CPU from");
    std::memcpy(reinterpret_cast<void*>(found), ap_trampoline,
                static_cast<size_t>(ap_trampoline_end - ap_trampoline));
    ProtectCodePage(found);
    return found;
  }();
  return page;
}

// Intel SDM volume 3, 11.6.1: the interrupt command register.
void SendCommand(uint32_t apic_id, uint32_t command) {
  constexpr unsigned kDestinationShift = 24;
  WriteLocalApic(LocalApicRegister::kCommandHigh, apic_id << kDestinationShift);
  WriteLocalApic(LocalApicRegister::kCommandLow, command);
}

}  // namespace

size_t CpuCount() { return OtherCpus().size() + 1; }

bool StartCpu(size_t index, CpuFunction function, void* argument) {
  constexpr uint32_t kInit = 0x4500;     // INIT, assert
  constexpr uint32_t kStartUp = 0x4600;  // start-up; the page in the low byte
  constexpr unsigned kPageShift = 12;
  constexpr int kAttempts = 1000;
  Cpu* cpu = Find(index);
  if (cpu == nullptr || cpu->state != CpuState::kStopped) return false;
  cpu->function = function;
  cpu->argument = argument;
  DescribeTaskState(*cpu);
  cpu->frame = {.rip = reinterpret_cast<uint64_t>(&RunCpu),
                .cs = MAYFLY_USER_CODE,
                .rflags = MAYFLY_RFLAGS_FIXED,
                .rsp = EndOf(cpu->stack) - sizeof(uint64_t),
                .ss = MAYFLY_USER_DATA};
  cpu->state = CpuState::kStarting;
  starting_cpu = cpu;
  const auto page = static_cast<uint32_t>(TrampolinePage() >> kPageShift);
  EnableLocalApic();
  SendCommand(cpu->apic_id, kInit);
  // A second start-up request is for a CPU that was not ready for the first; one that runs ignores
  // it.
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    SendCommand(cpu->apic_id, kStartUp | page);
    const std::chrono::nanoseconds deadline = Now() + std::chrono::milliseconds{10};
    while (Now() < deadline) {
      if (cpu->state != CpuState::kStarting) return true;
      asm volatile("pause");
    }
  }
  return false;
}

bool CpuRuns(size_t index) {
  const Cpu* cpu = Find(index);
  return cpu != nullptr && cpu->state != CpuState::kStopped;
}

void JoinCpu(size_t index) {
  while (CpuRuns(index)) asm volatile("pause");
}

}  // namespace mayfly::guest
