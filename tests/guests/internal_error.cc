// Executes, in ring 0, from where no memory is: KVM can neither fetch the instruction nor emulate
// it, and gives up. (In ring 3 it would hand the guest an invalid-opcode exception instead.)

#include <cstdint>

#include "images/unikernel/memory.h"
#include "images/unikernel/ring_0.h"

int main() {
  constexpr uint64_t kHole = 0xd100'0000;
  mayfly::guest::MapMemory(kHole, 1, mayfly::guest::MemoryUse::kCode);
  Ring0Run(reinterpret_cast<void (*)()>(kHole));
  return 0;
}
