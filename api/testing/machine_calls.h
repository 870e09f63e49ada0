#pragma once

#include <kj/async.h>

#include <functional>
#include <string>
#include <vector>

#include "api/mayfly.capnp.h"

namespace mayfly::api::testing {

// A call on a VM, for tests that make many in no order.
struct MachineCall {
  const char* name;
  std::function<kj::Promise<void>(rpc::Machine::Client)> make;
};

// All that are answered at once, some of them without what they need. `screen` gets what VMs write
// on their consoles, and must outlive them.
[[nodiscard]] std::vector<MachineCall> MachineCalls(std::string& screen);

}  // namespace mayfly::api::testing
