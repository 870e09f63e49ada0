#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "api/cli/disk_option.h"
#include "api/cli/made_files.h"
#include "api/cli/net_option.h"
#include "api/client/passt_process.h"
#include "vmm/disk_config.h"
#include "vmm/net_config.h"

namespace mayfly::cli {

// Opening what --disk and --net say, with the user's rights. Errors: InvalidArgument for what the
// user can put right, one sentence each.

// An overlay's file is made where there is none, and is then among `made`.
[[nodiscard]] absl::StatusOr<vmm::DiskConfig> OpenDisk(const DiskOption& option, MadeFiles& made);

// What is started for it is added to `passts`, and ends with the VM. Where that is nullptr, a user
// network is left to a host service, and is none here.
[[nodiscard]] absl::StatusOr<vmm::NetConfig> OpenNet(const NetOption& option,
                                                     std::vector<api::PasstProcess>* passts);

}  // namespace mayfly::cli
