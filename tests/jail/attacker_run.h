#pragma once

#include <string>

#include "base/owned_fd.h"
#include "jailer/jail.h"
#include "jailer/spawn.h"

namespace mayfly::testing {

// What came of an attack.
struct Outcome {
  std::string result;  // DONE, or the name of an errno; empty where the attacker did not come back
  std::string words;   // what it said on standard error
  jailer::ProcessEnd end;
};

// Runs `attacker` against this process and two listeners of its own.
class AttackerRun final {
 public:
  AttackerRun();

  // `attack` by name, confined as attacker.cc says; in `jail`, or without one.
  [[nodiscard]] Outcome Run(const std::string& confinement, const std::string& attack,
                            const jailer::Jail* jail) const;
  // The same without a jail, and with the privileges that this process has.
  [[nodiscard]] Outcome RunWithPrivileges(const std::string& confinement,
                                          const std::string& attack) const;

 private:
  [[nodiscard]] Outcome RunAs(const std::string& confinement, const std::string& attack,
                              jailer::SpawnOptions options) const;

  std::string abstract_name_;
  OwnedFd abstract_;
  OwnedFd tcp_;
  std::string port_;
};

}  // namespace mayfly::testing
