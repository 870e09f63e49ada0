#include "api/codec/machine_spec.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/codec/disk_codec.h"
#include "api/codec/fd_file.h"
#include "api/codec/file_arrivals.h"
#include "api/codec/net_codec.h"
#include "api/codec/readable.h"
#include "api/codec/rpc_status.h"
#include "api/codec/text.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

// --- To the wire.

constexpr unsigned kMostCpus = std::numeric_limits<uint16_t>::max();

[[nodiscard]] rpc::MemoryBacking EncodeMemory(const GuestMemory::Options& options) {
  if (options.pages == GuestMemory::Pages::kHugeTlb) return rpc::MemoryBacking::HUGE_TLB;
  if (options.pages == GuestMemory::Pages::kTransparentHuge) {
    return rpc::MemoryBacking::TRANSPARENT_HUGE;
  }
  return options.backing == GuestMemory::Backing::kMemfd ? rpc::MemoryBacking::MEMFD
                                                         : rpc::MemoryBacking::ANONYMOUS;
}

[[nodiscard]] rpc::BootProtocol EncodeBootProtocol(vmm::BootProtocol protocol) {
  switch (protocol) {
    case vmm::BootProtocol::kAuto:
      return rpc::BootProtocol::AUTO;
    case vmm::BootProtocol::kPvh:
      return rpc::BootProtocol::PVH;
    case vmm::BootProtocol::kLinux64:
      return rpc::BootProtocol::LINUX64;
  }
  return rpc::BootProtocol::AUTO;
}

// --- From the wire.

// More than a machine has slots for, and few enough for a message to be refused cheaply.
constexpr capnp::uint kMaxDevices = 64;
// A timeout beyond this (292 years) cannot be told from none.
constexpr uint64_t kMaxNanoseconds = static_cast<uint64_t>(Nanoseconds::max().count());

struct Decoding {
  MachineSpec spec;
  FileArrivals arrivals;
};

[[nodiscard]] absl::Status DecodeCpuProfile(rpc::CpuProfile::Reader reader,
                                            vmm::CpuProfile& profile) {
  profile.kind = reader.getSoftwareKvm() ? vmm::KvmKind::kSoftware : vmm::KvmKind::kHardware;
  const auto entries = reader.getEntries();
  if (entries.size() > vmm::CpuProfile::kMaxEntries) {
    return BadField("cpuProfile.entries",
                    absl::StrCat("there are ", entries.size(), "; KVM takes at most ",
                                 vmm::CpuProfile::kMaxEntries));
  }
  profile.supported.reserve(entries.size());
  for (const auto entry : entries) {
    kvm_cpuid_entry2 leaf{};
    leaf.function = entry.getFunction();
    leaf.index = entry.getIndex();
    leaf.flags = entry.getFlags();
    leaf.eax = entry.getEax();
    leaf.ebx = entry.getEbx();
    leaf.ecx = entry.getEcx();
    leaf.edx = entry.getEdx();
    profile.supported.push_back(leaf);
  }
  return absl::OkStatus();
}

[[nodiscard]] absl::Status DecodeDevices(rpc::MachineSpec::Reader reader, Decoding& decoding) {
  vmm::MachineConfig& machine = decoding.spec.machine;
  const auto disks = reader.getDisks();
  const auto nets = reader.getNets();
  if (disks.size() > kMaxDevices) {
    return BadField("disks", absl::StrCat("a machine has no room for ", disks.size()));
  }
  if (nets.size() > kMaxDevices) {
    return BadField("nets", absl::StrCat("a machine has no room for ", nets.size()));
  }
  machine.disks.resize(disks.size());  // once: the arrivals point into them
  machine.nets.resize(nets.size());
  for (capnp::uint index = 0; index < disks.size(); ++index) {
    MAYFLY_RETURN_IF_ERROR(DecodeDisk(absl::StrCat("disks[", index, "]"), disks[index],
                                      machine.disks[index], decoding.arrivals));
  }
  for (capnp::uint index = 0; index < nets.size(); ++index) {
    MAYFLY_RETURN_IF_ERROR(DecodeNet(absl::StrCat("nets[", index, "]"), nets[index],
                                     machine.nets[index], decoding.arrivals));
  }
  return absl::OkStatus();
}

[[nodiscard]] absl::Status DecodeFields(rpc::Vmm::CreateParams::Reader params, Decoding& decoding) {
  const auto reader = params.getSpec();
  vmm::MachineConfig& machine = decoding.spec.machine;
  if (!params.hasKvm()) return BadField("kvm", "no file is given; send /dev/kvm, open read-write");
  decoding.arrivals.Expect("kvm", params.getKvm(), machine.kvm);
  machine.cpus = reader.getCpus();
  machine.memory_bytes = reader.getMemoryBytes();
  machine.command_line = FromText(reader.getCommandLine());
  MAYFLY_RETURN_IF_ERROR(decoding.arrivals.Expect("kernel", reader.getKernel(), machine.kernel));
  if (reader.hasInitrd()) {
    MAYFLY_RETURN_IF_ERROR(
        decoding.arrivals.Expect("initrd", reader.getInitrd(), machine.initrd.emplace()));
  }
  MAYFLY_RETURN_IF_ERROR(DecodeBootProtocol(reader.getBootProtocol(), machine.boot_protocol));
  MAYFLY_RETURN_IF_ERROR(DecodeMemory(reader.getMemoryBacking(), machine.memory));
  MAYFLY_RETURN_IF_ERROR(DecodeDevices(reader, decoding));
  if (reader.hasCpuProfile()) {
    MAYFLY_RETURN_IF_ERROR(DecodeCpuProfile(reader.getCpuProfile(), machine.cpu_profile.emplace()));
  }
  MAYFLY_ASSIGN_OR_RETURN(decoding.spec.timeout, DecodeTimeout(reader.getTimeoutNanoseconds()));
  return absl::OkStatus();
}

}  // namespace

void EncodeCpuProfile(const vmm::CpuProfile& profile, rpc::CpuProfile::Builder builder) {
  builder.setSoftwareKvm(profile.kind == vmm::KvmKind::kSoftware);
  auto entries = builder.initEntries(static_cast<capnp::uint>(profile.supported.size()));
  capnp::uint position = 0;
  for (const kvm_cpuid_entry2& leaf : profile.supported) {
    auto entry = entries[position++];
    entry.setFunction(leaf.function);
    entry.setIndex(leaf.index);
    entry.setFlags(leaf.flags);
    entry.setEax(leaf.eax);
    entry.setEbx(leaf.ebx);
    entry.setEcx(leaf.ecx);
    entry.setEdx(leaf.edx);
  }
}

absl::Status DecodeBootProtocol(rpc::BootProtocol protocol, vmm::BootProtocol& into) {
  switch (protocol) {
    case rpc::BootProtocol::AUTO:
      into = vmm::BootProtocol::kAuto;
      return absl::OkStatus();
    case rpc::BootProtocol::PVH:
      into = vmm::BootProtocol::kPvh;
      return absl::OkStatus();
    case rpc::BootProtocol::LINUX64:
      into = vmm::BootProtocol::kLinux64;
      return absl::OkStatus();
  }
  return BadField("bootProtocol", "this VMM does not know it");
}

absl::Status DecodeMemory(rpc::MemoryBacking backing, GuestMemory::Options& into) {
  switch (backing) {
    case rpc::MemoryBacking::ANONYMOUS:
      into = {};
      return absl::OkStatus();
    case rpc::MemoryBacking::MEMFD:
      into = {.backing = GuestMemory::Backing::kMemfd};
      return absl::OkStatus();
    case rpc::MemoryBacking::TRANSPARENT_HUGE:
      into = {.pages = GuestMemory::Pages::kTransparentHuge};
      return absl::OkStatus();
    case rpc::MemoryBacking::HUGE_TLB:
      into = {.backing = GuestMemory::Backing::kMemfd, .pages = GuestMemory::Pages::kHugeTlb};
      return absl::OkStatus();
  }
  return BadField("memoryBacking", "this VMM does not know it");
}

absl::StatusOr<Nanoseconds> DecodeTimeout(uint64_t nanoseconds) {
  if (nanoseconds > kMaxNanoseconds) {
    return BadField("timeoutNanoseconds", "too large; 0 stands for no timeout");
  }
  return Nanoseconds(static_cast<Nanoseconds::rep>(nanoseconds));
}

void EncodeSpec(MachineSpec spec, rpc::Vmm::CreateParams::Builder params) {
  params.setKvm(kj::heap<FdFile>(std::move(spec.machine.kvm)));
  EncodeSpec(std::move(spec), params.initSpec());
}

void EncodeSpec(MachineSpec spec, rpc::MachineSpec::Builder builder) {
  vmm::MachineConfig& machine = spec.machine;
  // More than the field can say are too many just the same.
  builder.setCpus(static_cast<uint16_t>(std::min(machine.cpus, kMostCpus)));
  builder.setMemoryBytes(machine.memory_bytes);
  EncodeFile(std::move(machine.kernel), builder.initKernel());
  if (machine.initrd) EncodeFile(*std::move(machine.initrd), builder.initInitrd());
  builder.setCommandLine(ToText(machine.command_line));
  builder.setBootProtocol(EncodeBootProtocol(machine.boot_protocol));
  capnp::uint position = 0;
  auto disks = builder.initDisks(static_cast<capnp::uint>(machine.disks.size()));
  for (vmm::DiskConfig& disk : machine.disks) EncodeDisk(std::move(disk), disks[position++]);
  builder.setTimeoutNanoseconds(static_cast<uint64_t>(spec.timeout.count()));
  if (machine.cpu_profile) EncodeCpuProfile(*machine.cpu_profile, builder.initCpuProfile());
  builder.setMemoryBacking(EncodeMemory(machine.memory));
  if (!machine.nets.empty()) {
    position = 0;
    auto nets = builder.initNets(static_cast<capnp::uint>(machine.nets.size()));
    for (vmm::NetConfig& net : machine.nets) EncodeNet(std::move(net), nets[position++]);
  }
}

kj::Promise<kj::Own<MachineSpec>> DecodeSpec(rpc::Vmm::CreateParams::Reader params) {
  auto decoding = kj::heap<Decoding>();
  const absl::Status fields = Readable("spec", [&] { return DecodeFields(params, *decoding); });
  if (!fields.ok()) return ToException(fields);
  Decoding& result = *decoding;
  return result.arrivals.Receive()
      .then([&result](const absl::Status& status) -> kj::Promise<kj::Own<MachineSpec>> {
        if (!status.ok()) return ToException(status);
        return kj::heap<MachineSpec>(std::move(result.spec));
      })
      .attach(std::move(decoding));
}

}  // namespace mayfly::api
