#include "tests/bench/measured_process.h"

#include <chrono>

#include "gtest/gtest.h"
#include "tests/bench/counting_test.h"

namespace mayfly::bench {
namespace {

constexpr std::chrono::seconds kLong{60};

class MeasuredProcessTest : public CountingTest {
 protected:
  static absl::StatusOr<MeasuredProcess> StartShell(const char* script) {
    return MeasuredProcess::Start({"sh", "-c", script});
  }
};

TEST_F(MeasuredProcessTest, TellsLinesAndEnd) {
  auto process = StartShell("echo a; printf 'b\\r\\nunfinished'; exit 3");
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ(process->ReadLine(kLong).value(), "a");
  EXPECT_EQ(process->ReadLine(kLong).value(), "b");
  EXPECT_EQ(process->ReadLine(kLong).value(), std::nullopt);
  EXPECT_EQ(process->Wait().value(), 3);
}

TEST_F(MeasuredProcessTest, CountsWhatChildrenUse) {
  auto process = StartShell(
      "echo begin; (i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done); echo end; exit 0");
  ASSERT_TRUE(process.ok()) << process.status();
  ASSERT_EQ(process->ReadLine(kLong).value(), "begin");
  const auto before = process->Cost();
  ASSERT_EQ(process->ReadLine(kLong).value(), "end");
  const auto after = process->Cost();
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_GT((*after - *before).cpu.count(), 0);
  EXPECT_EQ(process->Wait().value(), 0);
}

TEST_F(MeasuredProcessTest, SilenceEndsTheWait) {
  auto process = StartShell("exec sleep 600");
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(process->ReadLine(std::chrono::milliseconds(1)).status()));
}

TEST_F(MeasuredProcessTest, AMissingProgram) {
  auto process = MeasuredProcess::Start({"/nonexistent/program"});
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ(process->ReadLine(kLong).value(), std::nullopt);
  EXPECT_EQ(process->Wait().value(), 127);
}

}  // namespace
}  // namespace mayfly::bench
