#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "base/timeline.h"
#include "gtest/gtest.h"
#include "vmm/cpu_profile.h"
#include "vmm/exit_status.h"
#include "vmm/machine.h"
#include "vmm/machine_config.h"
#include "vmm/testing/guest_code.h"

namespace mayfly::vmm::testing {

// Machines that run guests on the host's KVM, which skip where there is none for this user. The
// programs are so short that it does not matter whether it is a fast one.
class MachineFixture : public ::testing::Test {
 protected:
  void SetUp() override;

  static MachineConfig Config(const GuestCode& code);
  absl::Status Create(MachineConfig config);
  absl::Status Launch(MachineConfig config);
  absl::Status Launch(const GuestCode& code) { return Launch(Config(code)); }
  // How the VM ended; nothing if it does not.
  std::optional<ExitStatus> Wait();
  std::string Output();
  void WaitForOutput() const;

  std::shared_ptr<Timeline> timeline_ = std::make_shared<Timeline>();
  std::mutex mutex_;
  std::condition_variable ended_;
  int exits_ = 0;
  std::unique_ptr<Machine> machine_;

 private:
  static const CpuProfile& Profile(int kvm);
};

}  // namespace mayfly::vmm::testing
