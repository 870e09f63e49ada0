// That no policy has a rule which no VM needs. What was counted, and which arguments were always
// the same, is told in lines of the form "rule | thread | rule | calls | arguments".

#include "tests/jail/rules_used_test.h"

#include <unistd.h>

#include <iostream>

#include "jailer/policies/policies.h"
#include "jailer/sanitized.h"
#include "jailer/testing/rule_match.h"
#include "tests/jail/rule_usage.h"

namespace mayfly::testing {
namespace {

using jailer::ThreadKind;

RuleUsage& Usage() {
  static RuleUsage usage;
  return usage;
}

// When the last test of this program is over.
class Judgement final : public ::testing::Environment {
 public:
  void TearDown() override {
    std::cout << Usage().Table();
    const auto& all = *::testing::UnitTest::GetInstance();
    if (all.successful_test_count() != all.total_test_count()) {
      std::cout << "not every VM was run, or not as it should: no rule is said to be unused\n";
      return;
    }
    for (const ThreadKind thread : jailer::kThreadKinds) {
      const auto policy = jailer::PolicyOf(thread);
      const auto counts = Usage().Of(thread);
      for (size_t index = 0; index < policy.size(); ++index) {
        if (counts[index].calls != 0) continue;
        ADD_FAILURE() << "thread " << jailer::ThreadName(thread) << ": "
                      << jailer::Describe(policy[index])
                      << "\nNo VM made such a call: delete the rule, or add the VM that needs it.";
      }
    }
  }
};

[[maybe_unused]] ::testing::Environment* const kJudgement =
    ::testing::AddGlobalTestEnvironment(new Judgement);

}  // namespace

void RulesUsedTest::SetUp() {
  if (jailer::kSanitized) {
    GTEST_SKIP() << "no filters under a sanitizer; runs in builds without one";
  }
  if (::geteuid() != 0) GTEST_SKIP() << "runs for root, who may make taps and loop devices";
  CliTest::SetUp();
}

void RulesUsedTest::TearDown() {
  if (!IsSkipped()) CliTest::TearDown();
}

Command& RulesUsedTest::Follow(Command& command, ClockSource clock) {
  Usage();  // before the fork
  return command.Prepare([clock] {
    CallTracer::FollowCaller(
        [](ThreadKind thread, const seccomp_data& call) { Usage().Add(thread, call); }, clock);
  });
}

void RulesUsedTest::Expect0(const std::string& guest, const std::vector<std::string>& words) const {
  Command command = RunGuest(guest, words);
  const CommandResult result = Follow(command).Run();
  EXPECT_EQ(result.exit_code, 0) << guest << ": " << result.out << result.err;
}

}  // namespace mayfly::testing
