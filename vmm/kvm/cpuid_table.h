#pragma once

#include <linux/kvm.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

#include "vmm/kvm/counted_list.h"

namespace mayfly::vmm {

// A kvm_cpuid2 with its entries.
class CpuidTable final {
 public:
  // KVM's own limit (KVM_MAX_CPUID_ENTRIES); hosts have some 50.
  static constexpr size_t kMaxEntries = 256;

  explicit CpuidTable(size_t capacity)
      : bytes_(std::make_unique<std::byte[]>(sizeof(CountedList) +
                                             capacity * sizeof(kvm_cpuid_entry2))) {
    header().count = static_cast<uint32_t>(capacity);
  }
  explicit CpuidTable(std::span<const kvm_cpuid_entry2> entries) : CpuidTable(entries.size()) {
    std::ranges::copy(entries, first());
  }

  // For KVM_GET_SUPPORTED_CPUID, which changes the number of entries, and KVM_SET_CPUID2.
  [[nodiscard]] void* argument() const { return bytes_.get(); }
  [[nodiscard]] std::span<kvm_cpuid_entry2> entries() const { return {first(), header().count}; }

 private:
  [[nodiscard]] CountedList& header() const {
    return *std::launder(reinterpret_cast<CountedList*>(bytes_.get()));
  }
  [[nodiscard]] kvm_cpuid_entry2* first() const {
    return std::launder(reinterpret_cast<kvm_cpuid_entry2*>(bytes_.get() + sizeof(CountedList)));
  }

  std::unique_ptr<std::byte[]> bytes_;
};

}  // namespace mayfly::vmm
