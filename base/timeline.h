#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace mayfly {

// What happens to a VM from the request to its end, in the order of a good start. The values are
// those of `TimelineStep` in api/mayfly.capnp: append only.
enum class TimelineStep : unsigned char {
  kRequested,         // the user's command or call began
  kSpawned,           // the VMM process was asked for
  kVmmEntered,        // main() of the VMM
  kSpecReceived,      // the specification and its descriptors have arrived
  kVmCreated,         // KVM_CREATE_VM and its memory slots
  kImageLoaded,       // kernel, initrd, tables in guest memory
  kVcpusReady,        // vCPUs with CPUID and registers
  kDevicesReady,      // ioeventfds
  kFirstRun,          // just before the first KVM_RUN
  kKernelEntered,     // boot mark 0x40 at port 0x80
  kUserspaceReached,  // boot mark 0x41
  kFirstConsoleByte,  // the guest's first byte on the serial port
  kFirstKick,         // the first virtio queue notification served
  kExited,            // the exit reason was known
};
inline constexpr size_t kTimelineSteps = static_cast<size_t>(TimelineStep::kExited) + 1;

// The step's name as the API and the CLI spell it, such as "vm created".
[[nodiscard]] std::string_view TimelineStepName(TimelineStep step);

// The moments of one VM's life, on CLOCK_MONOTONIC. The first record of a step counts; later ones
// are ignored, so that a guest which repeats its marks changes nothing. Thread-safe, lock-free.
class Timeline final {
 public:
  Timeline() = default;
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  void Record(TimelineStep step) { Record(step, MonotonicNow()); }
  void Record(TimelineStep step, Nanoseconds when);
  // When the step happened; nothing where it has not.
  [[nodiscard]] std::optional<Nanoseconds> At(TimelineStep step) const;

 private:
  // 0 says "not yet": CLOCK_MONOTONIC has long left it behind.
  std::array<std::atomic<Nanoseconds::rep>, kTimelineSteps> at_{};
};

}  // namespace mayfly
