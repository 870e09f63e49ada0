// Counts for ever in memory, on every CPU but the last, which nobody starts; the first also says so
// now and then.

#include <cstddef>
#include <cstdint>

#include "images/unikernel/console.h"
#include "images/unikernel/cpus.h"

namespace {

using namespace mayfly::guest;

constexpr uint64_t kCountsPerLine = uint64_t{1} << 16;

[[noreturn]] void Count(void* /*argument*/) {
  volatile uint64_t count = 0;
  while (true) count = count + 1;
}

}  // namespace

int main() {
  for (size_t cpu = 1; cpu + 1 < CpuCount(); ++cpu) {
    if (!StartCpu(cpu, Count)) return 1;
  }
  volatile uint64_t count = 0;
  while (true) {
    count = count + 1;
    if (count % kCountsPerLine == 0) Print("counted to {}\n", count + 0);
  }
}
