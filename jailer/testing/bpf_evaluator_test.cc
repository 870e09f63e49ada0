#include "jailer/testing/bpf_evaluator.h"

#include <cstddef>
#include <vector>

#include "gtest/gtest.h"

namespace mayfly::jailer {
namespace {

constexpr sock_filter kLoadNumber = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
constexpr uint32_t kYes = SECCOMP_RET_ALLOW;
constexpr uint32_t kNo = SECCOMP_RET_TRAP;

sock_filter Return(uint32_t answer) { return BPF_STMT(BPF_RET | BPF_K, answer); }

// The number, then a comparison with 5, then a yes or a no.
uint32_t Compare(uint16_t comparison, int number) {
  const sock_filter compare =
      BPF_JUMP(static_cast<uint16_t>(BPF_JMP | comparison | BPF_K), 5, 1, 0);
  const std::vector<sock_filter> program = {kLoadNumber, compare, Return(kNo), Return(kYes)};
  seccomp_data data{};
  data.nr = number;
  const auto answer = EvaluateBpf(program, data);
  EXPECT_TRUE(answer.ok()) << answer.status();
  return answer.value_or(0);
}

absl::StatusCode CodeOf(const std::vector<sock_filter>& program) {
  return EvaluateBpf(program, {}).status().code();
}

TEST(BpfEvaluatorTest, Compares) {
  EXPECT_EQ(Compare(BPF_JEQ, 5), kYes);
  EXPECT_EQ(Compare(BPF_JEQ, 4), kNo);
  EXPECT_EQ(Compare(BPF_JGT, 5), kNo);
  EXPECT_EQ(Compare(BPF_JGT, 6), kYes);
  EXPECT_EQ(Compare(BPF_JGT, -1), kYes) << "comparisons are unsigned";
  EXPECT_EQ(Compare(BPF_JGE, 4), kNo);
  EXPECT_EQ(Compare(BPF_JGE, 5), kYes);
  EXPECT_EQ(Compare(BPF_JSET, 2), kNo);
  EXPECT_EQ(Compare(BPF_JSET, 6), kYes);
}

TEST(BpfEvaluatorTest, LoadsEachHalfOfAnArgumentAndMasksIt) {
  const uint32_t at = offsetof(seccomp_data, args) + sizeof(uint64_t);
  const auto program_for = [](uint32_t offset) {
    return std::vector<sock_filter>{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x44, 0, 1), Return(kYes), Return(kNo)};
  };
  seccomp_data data{};
  data.args[1] = 0x1122334455667788;
  EXPECT_EQ(*EvaluateBpf(program_for(at), data), kNo);
  EXPECT_EQ(*EvaluateBpf(program_for(at + sizeof(uint32_t)), data), kYes);
}

TEST(BpfEvaluatorTest, JumpsAsFarAsItIsTold) {
  const std::vector<sock_filter> program = {BPF_STMT(BPF_JMP | BPF_JA, 2), Return(1), Return(2),
                                            Return(3)};
  EXPECT_EQ(*EvaluateBpf(program, {}), 3U);
}

TEST(BpfEvaluatorTest, RefusesWhatTheKernelWouldRefuse) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(CodeOf({}), kInvalid);
  EXPECT_EQ(CodeOf({kLoadNumber}), kInvalid);
  EXPECT_EQ(CodeOf({BPF_STMT(BPF_JMP | BPF_JA, 1), Return(1)}), kInvalid);
  EXPECT_EQ(CodeOf({BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff), Return(1)}), kInvalid);
  EXPECT_EQ(CodeOf({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), Return(1)}), kInvalid);
  EXPECT_EQ(CodeOf({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sizeof(seccomp_data)), Return(1)}),
            kInvalid);
}

TEST(BpfEvaluatorTest, RefusesWhatItDoesNotKnow) {
  constexpr auto kUnknown = absl::StatusCode::kUnimplemented;
  EXPECT_EQ(CodeOf({BPF_STMT(BPF_LD | BPF_IMM, 1), Return(1)}), kUnknown);
  EXPECT_EQ(CodeOf({BPF_STMT(BPF_RET | BPF_A, 0)}), kUnknown);
  EXPECT_EQ(CodeOf({BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 0), Return(1)}), kUnknown);
}

}  // namespace
}  // namespace mayfly::jailer
