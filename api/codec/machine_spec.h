#pragma once

#include <kj/async.h>
#include <kj/memory.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/mayfly.capnp.h"
#include "base/clock.h"
#include "vmm/machine_config.h"

namespace mayfly::api {

// What a VM is made of (`machine`, with every file open) and what its host does with it.
struct MachineSpec {
  vmm::MachineConfig machine;
  Nanoseconds timeout{0};  // from start to a forced end; 0: none
};

// The most descriptors that one call may carry, which is what the kernel takes (unix(7),
// SCM_RIGHTS): /dev/kvm, kernel, initrd, an overlay's two files or a tap's queues for each device.
inline constexpr unsigned kMaxFdsPerMessage = 253;

// The most files that Vmm.listen takes, and thus the most that a VMM sends.
inline constexpr unsigned kMaxFilesLeft = 4;

void EncodeCpuProfile(const vmm::CpuProfile& profile, rpc::CpuProfile::Builder builder);

// Single fields. Errors: InvalidArgument, naming them.
[[nodiscard]] absl::Status DecodeBootProtocol(rpc::BootProtocol protocol, vmm::BootProtocol& into);
[[nodiscard]] absl::Status DecodeMemory(rpc::MemoryBacking backing, GuestMemory::Options& into);
[[nodiscard]] absl::StatusOr<Nanoseconds> DecodeTimeout(uint64_t nanoseconds);

// Fills the parameters of Vmm.create. The descriptors live on in the capabilities that are sent.
void EncodeSpec(MachineSpec spec, rpc::Vmm::CreateParams::Builder params);
// All but /dev/kvm.
void EncodeSpec(MachineSpec spec, rpc::MachineSpec::Builder builder);

// Takes the parameters of Vmm.create apart; each file capability is resolved to a descriptor of our
// own. Checks what the schema cannot say; what a machine can be is for vmm::Machine to judge.
// `params` must live until the promise is settled. Errors, as exceptions (see rpc_status.h):
// InvalidArgument naming the field; thrown where they cannot be read (readable.h).
[[nodiscard]] kj::Promise<kj::Own<MachineSpec>> DecodeSpec(rpc::Vmm::CreateParams::Reader params);

}  // namespace mayfly::api
