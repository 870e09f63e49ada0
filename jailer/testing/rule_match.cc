#include "jailer/testing/rule_match.h"

#include <linux/audit.h>

#include <algorithm>
#include <cstdint>

#include "jailer/filters.h"

namespace mayfly::jailer {
namespace {

bool Holds(const Condition& condition, const seccomp_data& call) {
  return (call.args[condition.argument] & condition.mask) == condition.value;
}

}  // namespace

bool Covers(const Rule& rule, const seccomp_data& call) {
  return rule.system_call == call.nr &&
         std::ranges::all_of(rule.conditions, [&](const Condition& c) { return Holds(c, call); });
}

seccomp_data CallFor(const Rule& rule) {
  seccomp_data call{};
  call.nr = rule.system_call;
  call.arch = AUDIT_ARCH_X86_64;
  std::ranges::fill(call.args, ~uint64_t{0});
  for (const Condition& condition : rule.conditions) {
    auto& argument = call.args[condition.argument];
    argument = (argument & ~condition.mask) | condition.value;
  }
  return call;
}

std::string Describe(const Rule& rule) {
  std::string text(SystemCallName(rule.system_call));
  for (const Condition& condition : rule.conditions) {
    if (condition.mask != 0) text += std::string(", ") + condition.text;
  }
  return text + ": " + rule.reason;
}

}  // namespace mayfly::jailer
