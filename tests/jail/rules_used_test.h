#pragma once

#include <string>
#include <vector>

#include "tests/cli/cli_test.h"
#include "tests/jail/call_tracer.h"

namespace mayfly::testing {

// Runs the real programs, and has each system call counted that a VMM's thread makes under its
// policy. When all tests of the program are over, each rule of each policy has to have been used
// (rules_used_test.cc). For root: some rules are for devices that nobody else may make.
class RulesUsedTest : public CliTest {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Has `command` followed once it starts. One at a time counts: the next may begin when this one
  // has ended.
  static Command& Follow(Command& command, ClockSource clock = ClockSource::kVdso);
  // Runs a guest with these further words for `mayfly run`, and counts. It ends with status 0.
  void Expect0(const std::string& guest, const std::vector<std::string>& words) const;
};

}  // namespace mayfly::testing
