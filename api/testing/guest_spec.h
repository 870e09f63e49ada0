#pragma once

#include <string>

#include "api/codec/machine_spec.h"

namespace mayfly::api::testing {

// A VM that runs `guest`, which is in tests/guests and among the test's data.
[[nodiscard]] MachineSpec GuestSpec(const std::string& guest, const std::string& words = "");

// Why this user cannot run guests here, for a test to skip with; empty where guests can run.
[[nodiscard]] std::string WhyNoGuests();

}  // namespace mayfly::api::testing
