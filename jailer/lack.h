#pragma once

#include <optional>
#include <string>

#include "jailer/child_process.h"
#include "jailer/jail.h"

namespace mayfly::jailer {

// Something that a VM's jail does without, since it could not be had.
struct Lack {
  std::string what;    // without a full stop
  std::string remedy;  // what to do

  [[nodiscard]] std::string Sentence() const { return what + "; " + remedy; }
};

// A user's keys are used up: it may be otherwise for the next VM. None under a sanitizer, which is
// in no jail.
[[nodiscard]] std::optional<Lack> KeyringLack(const ChildProcess& process);
// Root cannot give VMs users of their own here (Jail::rootless()): so it is for all of them. Other
// users never can, which is no lack.
[[nodiscard]] std::optional<Lack> UserLack(const Jail& jail);

}  // namespace mayfly::jailer
