#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/guest_memory.h"
#include "base/owned_fd.h"
#include "virtio/core/device_event.h"
#include "vmm/cpu_profile.h"
#include "vmm/disk_config.h"
#include "vmm/named_fd.h"
#include "vmm/net_config.h"

namespace mayfly::vmm {

enum class BootProtocol { kAuto, kPvh, kLinux64 };

// The threads that serve a Machine, which differ in the system calls that they need.
enum class ThreadRole {
  kVcpu,
  kIo,
  kControl,  // whose Start() it is
};

// Called on each thread of a Machine, and at last on the one that starts it, all of it before the
// guest's first instruction: the place for a seccomp filter of their own. Start() fails with its
// error.
using ThreadSetup = std::function<absl::Status(ThreadRole)>;

// All that a Machine is made of. Every descriptor is open already: the VMM opens nothing.
struct MachineConfig {
  OwnedFd kvm;
  unsigned cpus = 1;
  uint64_t memory_bytes = uint64_t{128} << 20;
  GuestMemory::Options memory;
  NamedFd kernel;
  std::optional<NamedFd> initrd;
  std::string command_line;  // the words for the VM's devices are added
  BootProtocol boot_protocol = BootProtocol::kAuto;
  std::vector<DiskConfig> disks;
  std::vector<NetConfig> nets;            // behind the disks in the guest's order
  std::optional<CpuProfile> cpu_profile;  // asked of KVM where it is missing
  ThreadSetup thread_setup;               // may be empty
  // Called on the io thread: what the guest did wrong to a device, or what ails a disk. May be
  // empty; must not call back into the Machine.
  virtio::DeviceEventListener on_event;
};

}  // namespace mayfly::vmm
