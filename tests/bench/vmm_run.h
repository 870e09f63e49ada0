#pragma once

#include <kj/async-io.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/timeline.h"
#include "jailer/jail.h"
#include "vmm/cpu_profile.h"

namespace mayfly::bench {

// Runs guests under mayfly-vmm by its Cap'n Proto interface, as a host service would: the program,
// /dev/kvm's CPU profile, the jail and this client's event loop are there before, everything else
// belongs to the run.
class VmmRunner final {
 public:
  struct Run {
    Nanoseconds first_byte{};  // from just before the spawn until the guest's first console byte
                               // arrived here
    Nanoseconds exit{};        // until the exit status arrived
  };

  // `io` outlives the runner.
  [[nodiscard]] static absl::StatusOr<VmmRunner> Create(kj::AsyncIoContext& io, std::string program,
                                                        std::string kernel);

  // One VM from its spawn to its exit; its steps go to `timeline`, with kRequested the moment
  // before the spawn.
  [[nodiscard]] absl::StatusOr<Run> RunOnce(Timeline& timeline);

  // KiB that a VM which runs `kernel` holds for itself alone: private pages of mayfly-vmm but for
  // the guest's memory. `kernel` writes a byte to the console and then stays.
  [[nodiscard]] absl::StatusOr<uint64_t> MeasurePrivateMemory();

 private:
  VmmRunner(kj::AsyncIoContext& io, std::string program, std::string kernel,
            vmm::CpuProfile profile, jailer::Jail jail)
      : io_(&io),
        program_(std::move(program)),
        kernel_(std::move(kernel)),
        profile_(std::move(profile)),
        jail_(std::move(jail)) {}

  kj::AsyncIoContext* io_;
  std::string program_;
  std::string kernel_;
  vmm::CpuProfile profile_;
  jailer::Jail jail_;
};

}  // namespace mayfly::bench
