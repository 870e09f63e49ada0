// Machines that rest: what they are in the middle of is neither lost nor done twice.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vmm/layout.h"
#include "vmm/machine.h"
#include "vmm/testing/guest_code.h"
#include "vmm/testing/machine_fixture.h"

namespace mayfly::vmm {
namespace {

using ::testing::Field;
using testing::GuestCode;
using ::testing::Optional;

class MachinePauseTest : public testing::MachineFixture {
 protected:
  // Pauses it and lets it go on, until it has ended.
  void Stutter() {
    while (machine_->Pause().ok()) {
      EXPECT_EQ(machine_->state(), MachineState::kPaused);
      if (!machine_->Resume().ok()) break;
    }
  }
};

TEST_F(MachinePauseTest, AStringIsWrittenOnceAndWhole) {
  constexpr size_t kBytes = 100'000;
  ASSERT_EQ(Launch(GuestCode().OutString(layout::kSerial, kBytes, 'x').Exit(7)), absl::OkStatus());
  Stutter();
  EXPECT_THAT(Wait(), Optional(Field(&ExitStatus::status, 7)));
  EXPECT_EQ(Output(), std::string(kBytes, 'x'));
}

TEST_F(MachinePauseTest, HaltedCpusAndThoseNobodyStartedRestToo) {
  MachineConfig config = Config(GuestCode().Print("h").Halt());
  config.cpus = 3;
  ASSERT_EQ(Launch(std::move(config)), absl::OkStatus());
  WaitForOutput();
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(machine_->Pause(), absl::OkStatus());
    EXPECT_EQ(machine_->Pause(), absl::OkStatus());
    EXPECT_EQ(machine_->state(), MachineState::kPaused);
    EXPECT_EQ(machine_->Resume(), absl::OkStatus());
    EXPECT_EQ(machine_->Resume(), absl::OkStatus());
    EXPECT_EQ(machine_->state(), MachineState::kRunning);
  }
}

TEST_F(MachinePauseTest, OneThatSpinsRestsAndCanBeKilled) {
  ASSERT_EQ(Launch(GuestCode().Spin()), absl::OkStatus());
  ASSERT_EQ(machine_->Pause(), absl::OkStatus());
  machine_->End(ExitReason::kKilled, "enough");
  EXPECT_THAT(Wait(), Optional(Field(&ExitStatus::reason, ExitReason::kKilled)));
  EXPECT_EQ(machine_->state(), MachineState::kEnded);
  EXPECT_EQ(machine_->Resume().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(machine_->Pause().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(MachinePauseTest, OnlyWhatWasStartedRests) {
  ASSERT_EQ(Create(Config(GuestCode().Exit(0))), absl::OkStatus());
  EXPECT_EQ(machine_->Pause().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(machine_->Resume().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace mayfly::vmm
