#pragma once

#include <cstddef>
#include <cstdint>

#include "images/unikernel/spin_lock.h"

namespace mayfly::guest {

// Behind operator new and delete: first fit on a list of free blocks in the order of their
// addresses, all RAM that nobody occupied at boot. Touches no more than it hands out. The first
// allocation must be the boot CPU's; interrupt handlers do not allocate.
class Heap final {
 public:
  // 16 bytes aligned at least. Null when there is no block of that size left.
  [[nodiscard]] void* Allocate(size_t bytes, size_t alignment);
  void Free(void* memory);

 private:
  struct FreeBlock {
    uint64_t size;
    FreeBlock* next;
  };
  // Right before every allocation.
  struct Header {
    uint64_t block;
    uint64_t size;
  };

  void AddRam(uint64_t begin, uint64_t end);
  void Insert(uint64_t begin, uint64_t size);
  void Prepare();

  SpinLock lock_;
  bool prepared_ = false;
  FreeBlock* free_ = nullptr;
};

}  // namespace mayfly::guest
