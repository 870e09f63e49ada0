#include "api/cli/exit_code.h"

#include <array>
#include <cstdint>

#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

int CodeOf(vmm::ExitReason reason) {
  return ExitCodeOf(vmm::ExitStatus{.reason = reason, .detail = {}});
}

TEST(ExitCode, AStatusIsItself) {
  for (const uint8_t status : std::to_array<uint8_t>({0, 1, 42, 255})) {
    EXPECT_EQ(ExitCodeOf(vmm::ExitStatus{
                  .reason = vmm::ExitReason::kStatus, .status = status, .detail = {}}),
              status);
  }
}

TEST(ExitCode, EveryReasonHasItsOwn) {
  EXPECT_EQ(CodeOf(vmm::ExitReason::kPowerOff), 0);
  EXPECT_EQ(CodeOf(vmm::ExitReason::kReset), 0);
  EXPECT_EQ(CodeOf(vmm::ExitReason::kTripleFault), 139);
  EXPECT_EQ(CodeOf(vmm::ExitReason::kGuestPanic), 134);
  EXPECT_EQ(CodeOf(vmm::ExitReason::kTimeout), 124);
  EXPECT_EQ(CodeOf(vmm::ExitReason::kInternalError), 125);
  EXPECT_EQ(CodeOf(vmm::ExitReason::kViolation), 159);
  EXPECT_EQ(CodeOf(vmm::ExitReason::kOutOfMemory), 137);
}

TEST(ExitCode, TheUsersMistakesAreUsage) {
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(absl::OutOfRangeError("")), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(absl::FailedPreconditionError("")), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("")), ExitCode::kFailure);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), ExitCode::kFailure);
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), ExitCode::kSuccess);
}

}  // namespace
}  // namespace mayfly::cli
