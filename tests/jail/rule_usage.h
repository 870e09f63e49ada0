#pragma once

#include <linux/seccomp.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "base/mapping.h"
#include "jailer/thread_kind.h"

namespace mayfly::testing {

// How often each rule of each policy was one for a call, and with which arguments. In memory that
// is shared with the processes forked from this one, of which one at a time may count.
class RuleUsage final {
 public:
  // All six registers: beyond the arguments that a call has, they hold anything.
  struct Argument {
    uint64_t value;  // in the first call
    bool varies;
  };
  // Of one rule.
  struct Count {
    uint64_t calls;
    std::array<Argument, 6> arguments;
  };

  // Ends the process where there is no memory.
  RuleUsage();

  void Add(jailer::ThreadKind thread, const seccomp_data& call);
  // In the order of the rules.
  [[nodiscard]] std::span<const Count> Of(jailer::ThreadKind thread) const;

  // A line for each rule: its calls, and those of its arguments that were the same each time.
  [[nodiscard]] std::string Table() const;

 private:
  [[nodiscard]] std::span<Count> CountsOf(jailer::ThreadKind thread) const;

  Mapping memory_;
};

}  // namespace mayfly::testing
