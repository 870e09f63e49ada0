#include "jailer/brk_heap.h"

#include <malloc.h>

namespace mayfly::jailer {

void KeepHeapOnBrk() {
  // Heaps of their own are mapped for further threads, and blocks of more than 128 KiB by
  // themselves.
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_MAX, 0);
}

}  // namespace mayfly::jailer
