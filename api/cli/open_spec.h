#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/cli/made_files.h"
#include "api/cli/run_options.h"
#include "api/client/passt_process.h"
#include "api/codec/machine_spec.h"

namespace mayfly::cli {

// What the options say, with its files open: all but the networks, /dev/kvm and the CPUs' profile.
// Files that had to be made for it are then among `made`.
[[nodiscard]] absl::StatusOr<api::MachineSpec> OpenFiles(const RunOptions& options,
                                                         MadeFiles& made);

// The networks, which takes its time where other programs have to be started for them: `passts`, or
// nullptr, see OpenNet().
[[nodiscard]] absl::Status OpenNets(const RunOptions& options, api::MachineSpec& spec,
                                    std::vector<api::PasstProcess>* passts);

}  // namespace mayfly::cli
