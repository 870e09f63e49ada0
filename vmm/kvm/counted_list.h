#pragma once

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <cstdint>

namespace mayfly::vmm {

// What KVM's lists (kvm_cpuid2, kvm_msrs) begin with. The entries follow at once.
//
// The kernel's own structs cannot be used in C++: their flexible array hides behind an empty
// struct, which takes no room in C but a byte in C++. That moves the array, and changes the numbers
// of the requests, which encode the struct's size.
struct CountedList {
  uint32_t count = 0;
  uint32_t padding = 0;
};
static_assert(sizeof(CountedList) == 8);

// linux/kvm.h, with the size that these have in C.
inline constexpr uint64_t kGetSupportedCpuidNumber = _IOWR(KVMIO, 0x05, CountedList);
inline constexpr uint64_t kSetCpuid2Number = _IOW(KVMIO, 0x90, CountedList);
inline constexpr uint64_t kSetMsrsNumber = _IOW(KVMIO, 0x89, CountedList);

}  // namespace mayfly::vmm
