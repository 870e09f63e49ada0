#include "tests/bench/process_run.h"

#include "gtest/gtest.h"

namespace mayfly::bench {
namespace {

TEST(ProcessRun, TellsOutputAndEnd) {
  const auto run = RunProcess({"sh", "-c", "echo x; exit 3"});
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_TRUE(run->first_byte.has_value());
  EXPECT_LE(*run->first_byte, run->exit);
  EXPECT_EQ(run->status, 3);
}

TEST(ProcessRun, SilenceHasNoFirstByte) {
  const auto run = RunProcess({"sh", "-c", "kill -9 $$"});
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_FALSE(run->first_byte.has_value());
  EXPECT_EQ(run->status, 137);
}

TEST(ProcessRun, AMissingProgramIsAnError) {
  EXPECT_FALSE(RunProcess({"/nonexistent/program"}).ok());
}

}  // namespace
}  // namespace mayfly::bench
