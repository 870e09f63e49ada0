#include "images/unikernel/local_apic.h"

#include "images/unikernel/io.h"
#include "images/unikernel/layout.h"
#include "images/unikernel/memory.h"

namespace mayfly::guest {
namespace {

constexpr uint64_t kBase = 0xfee00000;
constexpr uint64_t kBytes = 0x1000;
constexpr uint32_t kSoftwareEnable = 1 << 8;
constexpr uint32_t kMasked = 1 << 16;
constexpr unsigned kIdShift = 24;

}  // namespace

uint32_t ReadLocalApic(LocalApicRegister which) {
  return ReadRegister<uint32_t>(kBase + static_cast<uint64_t>(which));
}

void WriteLocalApic(LocalApicRegister which, uint32_t value) {
  WriteRegister<uint32_t>(kBase + static_cast<uint64_t>(which), value);
}

void EnableLocalApic() {
  MapMemory(kBase, kBytes);
  WriteLocalApic(LocalApicRegister::kSpuriousVector, kSoftwareEnable | MAYFLY_VECTOR_SPURIOUS);
  // The 8259, which nobody programs, would deliver each line a second time, as an exception.
  WriteLocalApic(LocalApicRegister::kLocalInterrupt0, kMasked);
}

uint32_t LocalApicId() {
  MapMemory(kBase, kBytes);
  return ReadLocalApic(LocalApicRegister::kId) >> kIdShift;
}

}  // namespace mayfly::guest
