// The compiled filters against the tables that they are made from, without the kernel.

#include "jailer/policies/policies.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "gtest/gtest.h"
#include "jailer/filters.h"
#include "jailer/policies/numbers.h"
#include "jailer/testing/bpf_evaluator.h"
#include "jailer/testing/rule_match.h"

namespace mayfly::jailer {

namespace {

// Behind the last system call that there is (Linux 6.18 has 470).
constexpr int kNumberEnd = 512;
constexpr int kX32Bit = 0x40000000;
constexpr unsigned kBits = 64;

// A system call of x86-64, with the same value for every argument.
seccomp_data Call(int64_t number, uint64_t argument = 0) {
  seccomp_data call{};
  call.nr = static_cast<int>(number);
  call.arch = AUDIT_ARCH_X86_64;
  std::ranges::fill(call.args, argument);
  return call;
}

uint32_t AnswerOf(const Rule& rule) {
  constexpr uint32_t kNoError = 0;
  return rule.answer == Answer::kDo ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | kNoError;
}

class PoliciesTest : public ::testing::TestWithParam<ThreadKind> {
 protected:
  [[nodiscard]] static uint32_t Run(const seccomp_data& call) {
    const auto answer = EvaluateBpf(FilterOf(GetParam()), call);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.value_or(0);
  }
  // What the table says of `call`.
  [[nodiscard]] static uint32_t Expected(const seccomp_data& call) {
    const auto rule =
        std::ranges::find_if(policy_, [&](const Rule& each) { return Covers(each, call); });
    return rule == policy_.end() ? SECCOMP_RET_TRAP : AnswerOf(*rule);
  }
  void SetUp() override { policy_ = PolicyOf(GetParam()); }

  static inline std::span<const Rule> policy_;
};

INSTANTIATE_TEST_SUITE_P(Threads, PoliciesTest, ::testing::ValuesIn(kThreadKinds),
                         [](const auto& test) { return ThreadName(test.param); });

TEST_P(PoliciesTest, EachRuleAnswersItsCall) {
  for (const Rule& rule : policy_) {
    EXPECT_EQ(Run(CallFor(rule)), AnswerOf(rule)) << Describe(rule);
  }
}

// Each bit that a condition looks at, changed alone: what is no other rule's is trapped.
TEST_P(PoliciesTest, EachConditionMatters) {
  for (const Rule& rule : policy_) {
    for (const Condition& condition : rule.conditions) {
      bool mattered = condition.mask == 0;
      for (unsigned bit = 0; bit < kBits; ++bit) {
        const uint64_t flip = uint64_t{1} << bit;
        seccomp_data call = CallFor(rule);
        call.args[condition.argument] ^= flip;
        const uint32_t answer = Run(call);
        EXPECT_EQ(answer, Expected(call)) << Describe(rule) << ", bit " << bit;
        if ((condition.mask & flip) != 0 && answer == SECCOMP_RET_TRAP) mattered = true;
      }
      EXPECT_TRUE(mattered) << Describe(rule) << ": " << condition.text;
    }
  }
}

TEST_P(PoliciesTest, NoRuleIsPartOfAnother) {
  for (const Rule& rule : policy_) {
    EXPECT_EQ(std::ranges::count_if(
                  policy_, [&](const Rule& other) { return Covers(other, CallFor(rule)); }),
              1)
        << Describe(rule);
  }
}

TEST_P(PoliciesTest, ConditionsAreOfTheirMask) {
  for (const Rule& rule : policy_) {
    std::set<unsigned> places;
    for (const Condition& condition : rule.conditions) {
      EXPECT_EQ(condition.value & ~condition.mask, 0U) << Describe(rule);
      if (condition.mask == 0) continue;
      EXPECT_TRUE(places.insert(condition.argument).second) << Describe(rule);
    }
  }
}

TEST_P(PoliciesTest, WhatHasNoRuleIsTrapped) {
  std::set<int> allowed;
  for (const Rule& rule : policy_) allowed.insert(rule.system_call);
  for (int number = 0; number < kNumberEnd; ++number) {
    if (allowed.contains(number)) continue;
    for (const uint64_t argument : {uint64_t{0}, ~uint64_t{0}}) {
      EXPECT_EQ(Run(Call(number, argument)), SECCOMP_RET_TRAP) << SystemCallName(number);
    }
  }
}

TEST_P(PoliciesTest, OtherArchitecturesAreKilled) {
  for (const uint32_t arch :
       {uint32_t{AUDIT_ARCH_I386}, uint32_t{AUDIT_ARCH_AARCH64}, uint32_t{0}}) {
    for (const Rule& rule : policy_) {
      seccomp_data call = CallFor(rule);
      call.arch = arch;
      EXPECT_EQ(Run(call), SECCOMP_RET_KILL_PROCESS) << Describe(rule);
    }
  }
}

TEST_P(PoliciesTest, X32IsKilled) {
  for (int number = 0; number < kNumberEnd; ++number) {
    EXPECT_EQ(Run(Call(number | kX32Bit)), SECCOMP_RET_KILL_PROCESS) << SystemCallName(number);
  }
}

TEST_P(PoliciesTest, MemoryIsNeverMadeExecutable) {
  for (const int number : {SYS_mmap, SYS_mprotect, SYS_pkey_mprotect}) {
    for (uint64_t protection = 0; protection <= (PROT_READ | PROT_WRITE | PROT_EXEC);
         ++protection) {
      if ((protection & PROT_EXEC) == 0) continue;
      seccomp_data call = Call(number);
      call.args[2] = protection;
      EXPECT_EQ(Run(call), SECCOMP_RET_TRAP);
    }
  }
}

// The report of a violation must not be one.
TEST_P(PoliciesTest, AViolationCanBeReported) {
  seccomp_data write = Call(SYS_write, ~uint64_t{0});
  write.args[0] = STDERR_FILENO;
  EXPECT_EQ(Run(write), SECCOMP_RET_ALLOW);
  EXPECT_EQ(Run(Call(SYS_exit_group, kViolationStatus)), SECCOMP_RET_ALLOW);
}

TEST(PolicyNumbersTest, AreThoseOfTheCLibrary) {
  EXPECT_EQ(kKickSignal, SIGRTMIN);
  EXPECT_EQ(kViolationStatus, 128 + SIGSYS);
}

TEST(SystemCallNameTest, KnowsThemAll) {
  EXPECT_EQ(SystemCallName(SYS_read), "read");
  EXPECT_EQ(SystemCallName(SYS_openat), "openat");
  EXPECT_EQ(SystemCallName(SYS_io_uring_enter), "io_uring_enter");
  EXPECT_EQ(SystemCallName(SYS_landlock_create_ruleset), "landlock_create_ruleset");
  // Numbers that none has, or had.
  for (const int number : {-1, 400, kNumberEnd, kX32Bit}) {
    EXPECT_EQ(SystemCallName(number), "unknown") << number;
  }
}

}  // namespace
}  // namespace mayfly::jailer
