// Starts every CPU, twice; each adds to shared counters.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "images/unikernel/console.h"
#include "images/unikernel/cpus.h"

namespace {

using namespace mayfly::guest;

constexpr uint64_t kAdditions = 100'000;
constexpr int kRounds = 2;

struct Shared {
  std::atomic<uint64_t> sum = 0;
  std::atomic<size_t> cpus = 0;
};

void Work(void* argument) {
  auto& shared = *static_cast<Shared*>(argument);
  for (uint64_t count = 0; count < kAdditions; ++count) ++shared.sum;
  ++shared.cpus;
}

}  // namespace

int main() {
  for (int round = 0; round < kRounds; ++round) {
    Shared shared;
    for (size_t cpu = 1; cpu < CpuCount(); ++cpu) {
      if (!StartCpu(cpu, Work, &shared)) {
        Print("CPU {} does not start\n", cpu);
        return 1;
      }
    }
    Work(&shared);
    for (size_t cpu = 1; cpu < CpuCount(); ++cpu) JoinCpu(cpu);
    if (shared.cpus != CpuCount() || shared.sum != CpuCount() * kAdditions) {
      Print("{} CPUs counted to {}\n", shared.cpus.load(), shared.sum.load());
      return 1;
    }
  }
  Print("{} cpus\n", CpuCount());
  return 0;
}
