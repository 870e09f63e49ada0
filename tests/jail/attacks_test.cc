// Every thread of a VMM that was taken over, and all that one would try: the filters alone end it.

#include "tests/jail/attacks.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jailer/sanitized.h"
#include "tests/jail/attacker_run.h"

namespace mayfly::testing {
namespace {

using ::testing::HasSubstr;

class AttacksTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (jailer::kSanitized)
      GTEST_SKIP() << "no filters under a sanitizer; runs in builds without one";
  }
};

TEST_P(AttacksTest, EndTheVmAndAreNamed) {
  const std::string thread = GetParam();
  const AttackerRun attacker;
  for (const Attack& attack : AllAttacks()) {
    // Without a jail: what holds it here is the filter.
    const Outcome outcome = attacker.Run(thread, attack.name, nullptr);
    EXPECT_TRUE(outcome.end.IsViolation()) << attack.name << ": " << outcome.result;
    EXPECT_EQ(outcome.result, "") << attack.name;
    EXPECT_THAT(outcome.words,
                HasSubstr("thread " + thread + ": system call " + attack.system_call + " ("))
        << attack.name;
  }
}

INSTANTIATE_TEST_SUITE_P(, AttacksTest, ::testing::Values("api", "io", "vcpu"),
                         [](const auto& thread) { return thread.param; });

}  // namespace
}  // namespace mayfly::testing
