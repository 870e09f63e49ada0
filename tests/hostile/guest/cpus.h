#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "images/unikernel/clock.h"
#include "images/unikernel/cpus.h"
#include "tests/hostile/guest/expect.h"

namespace mayfly::hostile {

// Has CPU 1 do something again and again, beside the boot CPU, for this object's lifetime.
template <typename Function>
class Meanwhile final {
 public:
  explicit Meanwhile(Function function) : function_(function) {
    Expect(guest::StartCpu(1, &Run, this), "a second CPU starts");
  }
  Meanwhile(const Meanwhile&) = delete;
  Meanwhile& operator=(const Meanwhile&) = delete;
  ~Meanwhile() {
    stop_ = true;
    guest::JoinCpu(1);
  }

 private:
  static void Run(void* argument) {
    auto& self = *static_cast<Meanwhile*>(argument);
    for (uint64_t turn = 0; !self.stop_; ++turn) self.function_(turn);
  }

  Function function_;
  std::atomic<bool> stop_ = false;
};

// Has every CPU do something again and again until the time is over.
template <typename Function>
void OnAllCpus(std::chrono::nanoseconds duration, Function function) {
  struct Shared {
    Function function;
    std::chrono::nanoseconds deadline;
  } shared = {function, guest::Now() + duration};
  const auto run = [](void* argument) {
    const auto& what = *static_cast<const Shared*>(argument);
    for (uint64_t turn = 0; guest::Now() < what.deadline; ++turn) what.function(turn);
  };
  for (size_t cpu = 1; cpu < guest::CpuCount(); ++cpu) {
    Expect(guest::StartCpu(cpu, run, &shared), "every CPU starts");
  }
  run(&shared);
  for (size_t cpu = 1; cpu < guest::CpuCount(); ++cpu) guest::JoinCpu(cpu);
}

}  // namespace mayfly::hostile
