#pragma once

#include <string>

#include "absl/status/status.h"
#include "api/cli/run_options.h"
#include "api/codec/machine_spec.h"
#include "api/mayfly.capnp.h"

namespace mayfly::cli {

// Fills what Host.launch is asked for, all but the console and the listener. The VM starts at once.
// `spec`: with its files open. Errors: InvalidArgument for what is not for a host service.
[[nodiscard]] absl::Status EncodeLaunch(const RunOptions& options, api::MachineSpec spec,
                                        rpc::Host::LaunchParams::Builder params);

// Has the host service start the user networks of `options`. `spec`: with all network devices.
void EncodeUserNets(const RunOptions& options, rpc::MachineSpec::Builder spec);
// For a VM whose user has no name for it, such as "vm-5f3c09a1".
[[nodiscard]] std::string NameByChance();

}  // namespace mayfly::cli
