#pragma once

#include "api/host/vm.h"
#include "api/mayfly.capnp.h"

namespace mayfly::api {

// What is known of `vm` now. Looks at its process.
void EncodeMachineInfo(const Vm& vm, rpc::MachineInfo::Builder builder);

}  // namespace mayfly::api
