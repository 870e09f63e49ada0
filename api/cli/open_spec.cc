#include "api/cli/open_spec.h"

#include <utility>

#include "api/cli/open_devices.h"
#include "api/client/open_file.h"
#include "base/status.h"

namespace mayfly::cli {

absl::StatusOr<api::MachineSpec> OpenFiles(const RunOptions& options, MadeFiles& made) {
  api::MachineSpec spec;
  spec.timeout = options.timeout;
  vmm::MachineConfig& machine = spec.machine;
  machine.cpus = options.cpus;
  machine.memory_bytes = options.memory.bytes;
  machine.memory = options.memory.options;
  machine.command_line = options.command_line;
  machine.boot_protocol = options.boot_protocol;
  MAYFLY_ASSIGN_OR_RETURN(machine.kernel, api::OpenImage("kernel", options.kernel));
  if (options.initrd) {
    MAYFLY_ASSIGN_OR_RETURN(machine.initrd, api::OpenImage("initrd", *options.initrd));
  }
  for (const DiskOption& option : options.disks) {
    MAYFLY_ASSIGN_OR_RETURN(vmm::DiskConfig disk, OpenDisk(option, made));
    machine.disks.push_back(std::move(disk));
  }
  return spec;
}

absl::Status OpenNets(const RunOptions& options, api::MachineSpec& spec,
                      std::vector<api::PasstProcess>* passts) {
  for (const NetOption& option : options.nets) {
    MAYFLY_ASSIGN_OR_RETURN(vmm::NetConfig net, OpenNet(option, passts));
    spec.machine.nets.push_back(std::move(net));
  }
  return absl::OkStatus();
}

}  // namespace mayfly::cli
