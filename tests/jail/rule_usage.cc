#include "tests/jail/rule_usage.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "base/owned_fd.h"
#include "jailer/policies/policies.h"
#include "jailer/testing/rule_match.h"

namespace mayfly::testing {
namespace {

using jailer::PolicyOf;
using jailer::ThreadKind;

size_t RulesOfAll() {
  size_t rules = 0;
  for (const ThreadKind thread : jailer::kThreadKinds) rules += PolicyOf(thread).size();
  return rules;
}

Mapping SharedMemory(size_t size) {
  const OwnedFd file(::memfd_create("rule-usage", MFD_CLOEXEC));
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) std::abort();
  auto memory = Mapping::Shared(file.get(), 0, size);
  if (!memory.ok()) std::abort();
  return *std::move(memory);
}

}  // namespace

RuleUsage::RuleUsage() : memory_(SharedMemory(RulesOfAll() * sizeof(Count))) {}

std::span<RuleUsage::Count> RuleUsage::CountsOf(ThreadKind thread) const {
  std::span counts(reinterpret_cast<Count*>(memory_.data()), RulesOfAll());
  for (const ThreadKind other : jailer::kThreadKinds) {
    if (other == thread) break;
    counts = counts.subspan(PolicyOf(other).size());
  }
  return counts.first(PolicyOf(thread).size());
}

std::span<const RuleUsage::Count> RuleUsage::Of(ThreadKind thread) const {
  return CountsOf(thread);
}

void RuleUsage::Add(ThreadKind thread, const seccomp_data& call) {
  const std::span<Count> counts = CountsOf(thread);
  for (size_t index = 0; index < counts.size(); ++index) {
    if (!jailer::Covers(PolicyOf(thread)[index], call)) continue;
    Count& count = counts[index];
    for (size_t at = 0; at < count.arguments.size(); ++at) {
      Argument& argument = count.arguments[at];
      if (count.calls == 0) argument.value = call.args[at];
      argument.varies = argument.varies || argument.value != call.args[at];
    }
    ++count.calls;
  }
}

std::string RuleUsage::Table() const {
  std::ostringstream table;
  for (const ThreadKind thread : jailer::kThreadKinds) {
    const std::span<const Count> counts = Of(thread);
    for (size_t index = 0; index < counts.size(); ++index) {
      table << "rule | " << jailer::ThreadName(thread) << " | "
            << jailer::Describe(PolicyOf(thread)[index]) << " | " << counts[index].calls << " |";
      for (size_t at = 0; at < counts[index].arguments.size(); ++at) {
        const Argument& argument = counts[index].arguments[at];
        if (counts[index].calls > 1 && !argument.varies) {
          table << ' ' << at << "=0x" << std::hex << argument.value << std::dec;
        }
      }
      table << '\n';
    }
  }
  return table.str();
}

}  // namespace mayfly::testing
