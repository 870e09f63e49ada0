#include "jailer/policy_table.h"

#include <set>
#include <span>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "jailer/filters.h"
#include "jailer/policies/policies.h"

namespace mayfly::jailer {
namespace {

size_t CountSystemCalls(std::span<const Rule> policy, Answer answer) {
  std::set<int> numbers;
  for (const Rule& rule : policy) {
    if (rule.answer == answer) numbers.insert(rule.system_call);
  }
  return numbers.size();
}

std::string Conditions(const Rule& rule) {
  std::string text;
  for (const Condition& condition : rule.conditions) {
    if (condition.mask == 0) continue;
    absl::StrAppend(&text, text.empty() ? "" : ", ", condition.text);
  }
  // A bar would begin the table's next column.
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
    text.insert(at, "\\");
  return text;
}

}  // namespace

std::string PolicyTable() {
  std::string text =
      "| Thread | System calls | Feigned | Rules | BPF instructions |\n|---|---|---|---|---|\n";
  for (const ThreadKind thread : kThreadKinds) {
    absl::StrAppend(&text, "| ", ThreadName(thread), " | ",
                    CountSystemCalls(PolicyOf(thread), Answer::kDo), " | ",
                    CountSystemCalls(PolicyOf(thread), Answer::kFeign), " | ",
                    PolicyOf(thread).size(), " | ", FilterOf(thread).size(), " |\n");
  }
  for (const ThreadKind thread : kThreadKinds) {
    absl::StrAppend(&text, "\n### Thread ", ThreadName(thread),
                    "\n\n| System call | Where | Why |\n|---|---|---|\n");
    for (const Rule& rule : PolicyOf(thread)) {
      absl::StrAppend(&text, "| ", ToAbsl(SystemCallName(rule.system_call)), " | ",
                      Conditions(rule), " | ", rule.answer == Answer::kFeign ? "(feigned) " : "",
                      rule.reason, " |\n");
    }
  }
  return text;
}

}  // namespace mayfly::jailer
