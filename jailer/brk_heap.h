#pragma once

namespace mayfly::jailer {

// From now on, the C library's heap is one for all threads, and lives on brk(2) alone: so no
// policy needs mmap(2), munmap(2) or mprotect(2) for it. Call it before the first thread is made
// and before anything large is allocated. Costs: a large block that is freed goes back to the host
// only where it is the last one of the heap.
void KeepHeapOnBrk();

}  // namespace mayfly::jailer
