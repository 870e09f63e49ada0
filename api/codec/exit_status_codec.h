#pragma once

#include "api/mayfly.capnp.h"
#include "vmm/exit_status.h"

namespace mayfly::api {

void EncodeExitStatus(const vmm::ExitStatus& status, rpc::ExitStatus::Builder builder);

// A reason that a newer VMM knows and we do not is an internal error, whose detail says so.
[[nodiscard]] vmm::ExitStatus DecodeExitStatus(rpc::ExitStatus::Reader reader);

}  // namespace mayfly::api
