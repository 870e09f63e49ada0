#include "jailer/testing/bpf_evaluator.h"

#include <cstring>

#include "absl/strings/str_format.h"
#include "base/status.h"

namespace mayfly::jailer {
namespace {

absl::StatusOr<uint32_t> Load(const seccomp_data& data, uint32_t offset) {
  uint32_t word = 0;
  if (offset % sizeof word != 0 || offset > sizeof data - sizeof word) {
    return absl::InvalidArgumentError(absl::StrFormat("a load from offset %u", offset));
  }
  std::memcpy(&word, reinterpret_cast<const std::byte*>(&data) + offset, sizeof word);
  return word;
}

absl::Status Unknown(const sock_filter& step) {
  return absl::UnimplementedError(absl::StrFormat("instruction %#x", step.code));
}

// Whether a conditional jump is taken.
absl::StatusOr<bool> Compare(const sock_filter& step, uint32_t accumulator) {
  switch (step.code) {
    case BPF_JMP | BPF_JEQ | BPF_K:
      return accumulator == step.k;
    case BPF_JMP | BPF_JGT | BPF_K:
      return accumulator > step.k;
    case BPF_JMP | BPF_JGE | BPF_K:
      return accumulator >= step.k;
    case BPF_JMP | BPF_JSET | BPF_K:
      return (accumulator & step.k) != 0;
    default:
      return Unknown(step);
  }
}

// How many instructions a jump leaves out.
absl::StatusOr<uint64_t> Distance(const sock_filter& step, uint32_t accumulator) {
  if (step.code == (BPF_JMP | BPF_JA)) return step.k;
  MAYFLY_ASSIGN_OR_RETURN(const bool taken, Compare(step, accumulator));
  return taken ? step.jt : step.jf;
}

}  // namespace

absl::StatusOr<uint32_t> EvaluateBpf(std::span<const sock_filter> program,
                                     const seccomp_data& data) {
  uint32_t accumulator = 0;
  // Jumps lead forward only, so this ends.
  for (uint64_t at = 0; at < program.size(); ++at) {
    const sock_filter& step = program[at];
    if (BPF_CLASS(step.code) == BPF_JMP) {
      MAYFLY_ASSIGN_OR_RETURN(const uint64_t distance, Distance(step, accumulator));
      at += distance;
      continue;
    }
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS: {
        MAYFLY_ASSIGN_OR_RETURN(accumulator, Load(data, step.k));
        break;
      }
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= step.k;
        break;
      case BPF_RET | BPF_K:
        return step.k;
      default:
        return Unknown(step);
    }
  }
  return absl::InvalidArgumentError("the program ends without an answer");
}

}  // namespace mayfly::jailer
