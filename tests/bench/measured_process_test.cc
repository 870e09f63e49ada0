#include "tests/bench/measured_process.h"

#include <chrono>

#include "gtest/gtest.h"

namespace mayfly::bench {
namespace {

constexpr std::chrono::seconds kLong{60};

// Starts a shell; skips the test where the host does not let us count.
#define START_OR_SKIP(process, script)                                                           \
  auto process = MeasuredProcess::Start({"sh", "-c", script});                                   \
  if (!process.ok() &&                                                                           \
      (absl::IsPermissionDenied(process.status()) || absl::IsUnimplemented(process.status()))) { \
    GTEST_SKIP() << "no right to count events of processes: " << process.status();               \
  }                                                                                              \
  ASSERT_TRUE(process.ok()) << process.status()

TEST(MeasuredProcess, TellsLinesAndEnd) {
  START_OR_SKIP(process, "echo a; printf 'b\\r\\nunfinished'; exit 3");
  EXPECT_EQ(process->ReadLine(kLong).value(), "a");
  EXPECT_EQ(process->ReadLine(kLong).value(), "b");
  EXPECT_EQ(process->ReadLine(kLong).value(), std::nullopt);
  EXPECT_EQ(process->Wait().value(), 3);
}

TEST(MeasuredProcess, CountsWhatChildrenUse) {
  START_OR_SKIP(process,
                "echo begin; (i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done); echo end; exit 0");
  ASSERT_EQ(process->ReadLine(kLong).value(), "begin");
  const auto before = process->Cost();
  ASSERT_EQ(process->ReadLine(kLong).value(), "end");
  const auto after = process->Cost();
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_GT((*after - *before).cpu.count(), 0);
  EXPECT_EQ(process->Wait().value(), 0);
}

TEST(MeasuredProcess, SilenceEndsTheWait) {
  START_OR_SKIP(process, "sleep 600");
  EXPECT_TRUE(absl::IsDeadlineExceeded(process->ReadLine(std::chrono::milliseconds(1)).status()));
}

TEST(MeasuredProcess, AMissingProgram) {
  auto process = MeasuredProcess::Start({"/nonexistent/program"});
  if (!process.ok()) GTEST_SKIP() << "no right to count events of processes: " << process.status();
  EXPECT_EQ(process->ReadLine(kLong).value(), std::nullopt);
  EXPECT_EQ(process->Wait().value(), 127);
}

}  // namespace
}  // namespace mayfly::bench
