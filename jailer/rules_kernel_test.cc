// Every rule of every policy in the kernel: its call is let through, and with one wrong argument it
// ends the process. policies_test has each bit of each argument, without the kernel.

#include <linux/seccomp.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "jailer/policies/numbers.h"
#include "jailer/policies/policies.h"
#include "jailer/seccomp.h"
#include "jailer/testing/rule_match.h"
#include "jailer/violation.h"

namespace mayfly::jailer {
namespace {

using ::testing::ExitedWithCode;

// None of a violation's, and no success by chance.
constexpr int kNoViolation = 42;
constexpr int kNotInstalled = 43;
constexpr unsigned kBits = 64;

// Makes the call on a thread of this kind, and ends the process from another, which has no filter.
// The thread makes no other call: not all policies have what it takes to end it.
[[noreturn]] void Make(ThreadKind kind, const seccomp_data& call) {
  if (!ReportViolations().ok()) ::_exit(kNotInstalled);
  std::atomic<bool> made = false;
  std::thread([&] {
    if (!InstallFilter(kind).ok()) ::_exit(kNotInstalled);
    const auto& a = call.args;
    ::syscall(call.nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    made = true;
    while (made) {
    }
  }).detach();
  while (!made) ::sched_yield();
  ::_exit(kNoViolation);
}

// Whether the call can be made, and something be seen of it: these end the thread, the process, or
// the program's sense.
bool CanBeTold(const Rule& rule) {
  return rule.system_call != SYS_exit && rule.system_call != SYS_exit_group &&
         rule.system_call != SYS_rt_sigreturn;
}

class RulesKernelDeathTest : public ::testing::TestWithParam<ThreadKind> {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "no filters under a sanitizer; runs in builds without one";
  }
};

INSTANTIATE_TEST_SUITE_P(Threads, RulesKernelDeathTest, ::testing::ValuesIn(kThreadKinds),
                         [](const auto& test) { return ThreadName(test.param); });

// What no rule names is nonsense in these calls: nearly all of them fail, in the kernel.
TEST_P(RulesKernelDeathTest, EachRulesCallIsLetThrough) {
  for (const Rule& rule : PolicyOf(GetParam())) {
    if (!CanBeTold(rule)) continue;
    EXPECT_EXIT(Make(GetParam(), CallFor(rule)), ExitedWithCode(kNoViolation), "^$")
        << Describe(rule);
  }
}

// The call that `rule` is for, but for one bit of `condition`'s; nothing where each such bit makes
// it another rule's.
std::optional<seccomp_data> CallWithWrong(const Condition& condition, const Rule& rule,
                                          std::span<const Rule> policy) {
  for (unsigned bit = 0; bit < kBits; ++bit) {
    const uint64_t flip = uint64_t{1} << bit;
    if ((condition.mask & flip) == 0) continue;
    seccomp_data call = CallFor(rule);
    call.args[condition.argument] ^= flip;
    if (std::ranges::none_of(policy, [&](const Rule& other) { return Covers(other, call); })) {
      return call;
    }
  }
  return std::nullopt;
}

TEST_P(RulesKernelDeathTest, EachWrongArgumentEndsTheProcess) {
  const std::span<const Rule> policy = PolicyOf(GetParam());
  int tried = 0;
  for (const Rule& rule : policy) {
    for (const Condition& condition : rule.conditions) {
      if (condition.mask == 0) continue;
      const std::optional<seccomp_data> call = CallWithWrong(condition, rule, policy);
      ASSERT_TRUE(call) << Describe(rule) << ": " << condition.text;
      EXPECT_EXIT(Make(GetParam(), *call), ExitedWithCode(kViolationStatus),
                  std::string("^seccomp: thread ") + ThreadName(GetParam()) + ": system call ")
          << Describe(rule) << ": " << condition.text;
      ++tried;
    }
  }
  EXPECT_GT(tried, 0);
}

}  // namespace
}  // namespace mayfly::jailer
