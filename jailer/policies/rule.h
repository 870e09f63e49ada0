#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace mayfly::jailer {

// What an argument of a system call has to be: its bits under `mask` are those of `value`.
struct Condition {
  unsigned argument = 0;  // 0 to 5
  uint64_t mask = 0;      // 0: whatever it is
  uint64_t value = 0;
  const char* text = "";  // for people
};

enum class Answer {
  kDo,
  // Success, without the kernel's doing anything: for what the C library insists on, and what a
  // thread can do without.
  kFeign,
};

// A system call that a thread may make, when all conditions hold, and why it needs it. Addresses
// cannot be conditions: what they lead to can change behind the filter's back (seccomp(2)).
struct Rule {
  static constexpr size_t kMaxConditions = 3;

  int system_call;
  std::array<Condition, kMaxConditions> conditions;
  const char* reason;
  Answer answer = Answer::kDo;
};

// The kernel takes an int for what the lower half of its register has.
inline constexpr uint64_t kIntMask = 0xffffffff;
inline constexpr uint64_t kWordMask = ~uint64_t{0};

// For the tables of policies: an argument by its place and its name, and its only value, an int.
// Macros, so that people are shown the value's name.
#define ARG(place, name, expected)                                           \
  ::mayfly::jailer::Condition {                                              \
    place, ::mayfly::jailer::kIntMask, expected, #name " is `" #expected "`" \
  }
// The same for values of 64 bits.
#define ARG64(place, name, expected)                                          \
  ::mayfly::jailer::Condition {                                               \
    place, ::mayfly::jailer::kWordMask, expected, #name " is `" #expected "`" \
  }

}  // namespace mayfly::jailer
