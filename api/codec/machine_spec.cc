#include "api/codec/machine_spec.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/codec/fd_file.h"
#include "api/codec/rpc_status.h"
#include "api/codec/text.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

// --- To the wire.

void EncodeFile(vmm::NamedFd file, rpc::NamedFile::Builder builder) {
  builder.setName(ToText(file.name));
  builder.setFile(kj::heap<FdFile>(std::move(file.fd)));
}

[[nodiscard]] rpc::MemoryBacking EncodeMemory(const GuestMemory::Options& options) {
  if (options.pages == GuestMemory::Pages::kHugeTlb) return rpc::MemoryBacking::HUGE_TLB;
  if (options.pages == GuestMemory::Pages::kTransparentHuge) {
    return rpc::MemoryBacking::TRANSPARENT_HUGE;
  }
  return options.backing == GuestMemory::Backing::kMemfd ? rpc::MemoryBacking::MEMFD
                                                         : rpc::MemoryBacking::ANONYMOUS;
}

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

void EncodeDisks(std::vector<vmm::DiskConfig> disks, rpc::MachineSpec::Builder builder) {
  auto list = builder.initDisks(static_cast<capnp::uint>(disks.size()));
  capnp::uint position = 0;
  for (vmm::DiskConfig& disk : disks) {
    auto entry = list[position++];
    EncodeFile(std::move(disk.image), entry.initImage());
    entry.setReadOnly(disk.access == vmm::DiskAccess::kReadOnly);
    entry.setSerial(ToText(disk.serial));
  }
}

// --- From the wire.

// VIRTIO_BLK_T_GET_ID answers 20 bytes (virtio 1.2, 5.2.6.1).
constexpr size_t kMaxSerialBytes = 20;
// A timeout beyond this (292 years) cannot be told from none.
constexpr uint64_t kMaxNanoseconds = static_cast<uint64_t>(Nanoseconds::max().count());

// A file capability on its way to becoming a descriptor.
struct Arrival {
  std::string field;
  rpc::File::Client file;
  OwnedFd* into;
};

struct Decoding {
  MachineSpec spec;
  std::vector<Arrival> arrivals;
  absl::Status error;  // the first
};

[[nodiscard]] absl::Status BadField(const std::string& field, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

[[nodiscard]] absl::Status DecodeFile(const std::string& field, rpc::NamedFile::Reader reader,
                                      vmm::NamedFd& into, std::vector<Arrival>& arrivals) {
  if (!reader.hasFile()) return BadField(field, "no file is given; send an open one");
  into.name = reader.hasName() ? FromText(reader.getName()) : field;
  arrivals.push_back({.field = field, .file = reader.getFile(), .into = &into.fd});
  return absl::OkStatus();
}

[[nodiscard]] absl::Status DecodeMemory(rpc::MemoryBacking backing, GuestMemory::Options& into) {
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

[[nodiscard]] absl::Status DecodeBootProtocol(rpc::BootProtocol protocol, vmm::BootProtocol& into) {
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

[[nodiscard]] vmm::CpuProfile DecodeCpuProfile(rpc::CpuProfile::Reader reader) {
  vmm::CpuProfile profile;
  profile.kind = reader.getSoftwareKvm() ? vmm::KvmKind::kSoftware : vmm::KvmKind::kHardware;
  const auto entries = reader.getEntries();
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
  return profile;
}

[[nodiscard]] absl::Status DecodeDisks(capnp::List<rpc::Disk>::Reader list, Decoding& decoding) {
  std::vector<vmm::DiskConfig>& disks = decoding.spec.machine.disks;
  if (list.size() > kMaxFdsPerMessage) {
    return BadField("disks", absl::StrCat("a machine has no room for ", list.size()));
  }
  disks.resize(list.size());  // once: `arrivals` point into it
  for (capnp::uint index = 0; index < list.size(); ++index) {
    const auto reader = list[index];
    const std::string field = absl::StrCat("disks[", index, "]");
    vmm::DiskConfig& disk = disks[index];
    MAYFLY_RETURN_IF_ERROR(
        DecodeFile(field + ".image", reader.getImage(), disk.image, decoding.arrivals));
    disk.access = reader.getReadOnly() ? vmm::DiskAccess::kReadOnly : vmm::DiskAccess::kReadWrite;
    disk.serial = FromText(reader.getSerial());
    if (disk.serial.size() > kMaxSerialBytes) {
      return BadField(field + ".serial",
                      absl::StrCat("it has ", disk.serial.size(), " bytes; at most ",
                                   kMaxSerialBytes, " can be shown to the guest"));
    }
  }
  return absl::OkStatus();
}

[[nodiscard]] absl::Status DecodeFields(rpc::Vmm::CreateParams::Reader params, Decoding& decoding) {
  const auto reader = params.getSpec();
  vmm::MachineConfig& machine = decoding.spec.machine;
  if (!params.hasKvm()) return BadField("kvm", "no file is given; send /dev/kvm, open read-write");
  decoding.arrivals.push_back({.field = "kvm", .file = params.getKvm(), .into = &machine.kvm});
  machine.cpus = reader.getCpus();
  machine.memory_bytes = reader.getMemoryBytes();
  machine.command_line = FromText(reader.getCommandLine());
  MAYFLY_RETURN_IF_ERROR(
      DecodeFile("kernel", reader.getKernel(), machine.kernel, decoding.arrivals));
  if (reader.hasInitrd()) {
    MAYFLY_RETURN_IF_ERROR(
        DecodeFile("initrd", reader.getInitrd(), machine.initrd.emplace(), decoding.arrivals));
  }
  MAYFLY_RETURN_IF_ERROR(DecodeBootProtocol(reader.getBootProtocol(), machine.boot_protocol));
  MAYFLY_RETURN_IF_ERROR(DecodeMemory(reader.getMemoryBacking(), machine.memory));
  MAYFLY_RETURN_IF_ERROR(DecodeDisks(reader.getDisks(), decoding));
  if (reader.hasCpuProfile()) machine.cpu_profile = DecodeCpuProfile(reader.getCpuProfile());
  if (reader.getTimeoutNanoseconds() > kMaxNanoseconds) {
    return BadField("timeoutNanoseconds", "too large; 0 stands for no timeout");
  }
  decoding.spec.timeout =
      Nanoseconds(static_cast<Nanoseconds::rep>(reader.getTimeoutNanoseconds()));
  return absl::OkStatus();
}

// The capability's descriptor, duplicated: the capability closes its own.
[[nodiscard]] kj::Promise<void> Receive(Arrival& arrival, absl::Status& error) {
  return arrival.file.getFd().then([&arrival, &error](kj::Maybe<int> fd) {
    if (!error.ok()) return;
    KJ_IF_MAYBE (number, fd) {
      absl::StatusOr<OwnedFd> copy = OwnedFd::Duplicate(*number);
      if (copy.ok()) {
        *arrival.into = *std::move(copy);
      } else {
        error = Annotate(copy.status(), arrival.field);
      }
    } else {
      error = BadField(arrival.field, "the capability carries no file descriptor");
    }
  });
}

}  // namespace

void EncodeSpec(MachineSpec spec, rpc::Vmm::CreateParams::Builder params) {
  vmm::MachineConfig& machine = spec.machine;
  params.setKvm(kj::heap<FdFile>(std::move(machine.kvm)));
  auto builder = params.initSpec();
  builder.setCpus(static_cast<uint16_t>(machine.cpus));
  builder.setMemoryBytes(machine.memory_bytes);
  EncodeFile(std::move(machine.kernel), builder.initKernel());
  if (machine.initrd) EncodeFile(*std::move(machine.initrd), builder.initInitrd());
  builder.setCommandLine(ToText(machine.command_line));
  builder.setBootProtocol(static_cast<rpc::BootProtocol>(machine.boot_protocol));
  EncodeDisks(std::move(machine.disks), builder);
  builder.setTimeoutNanoseconds(static_cast<uint64_t>(spec.timeout.count()));
  if (machine.cpu_profile) EncodeCpuProfile(*machine.cpu_profile, builder.initCpuProfile());
  builder.setMemoryBacking(EncodeMemory(machine.memory));
}

kj::Promise<kj::Own<MachineSpec>> DecodeSpec(rpc::Vmm::CreateParams::Reader params) {
  auto decoding = kj::heap<Decoding>();
  if (const absl::Status status = DecodeFields(params, *decoding); !status.ok()) {
    return ToException(status);
  }
  kj::Vector<kj::Promise<void>> receptions;
  for (Arrival& arrival : decoding->arrivals) {
    receptions.add(Receive(arrival, decoding->error));
  }
  Decoding& result = *decoding;
  return kj::joinPromises(receptions.releaseAsArray())
      .then([&result]() -> kj::Promise<kj::Own<MachineSpec>> {
        if (!result.error.ok()) return ToException(result.error);
        return kj::heap<MachineSpec>(std::move(result.spec));
      })
      .attach(std::move(decoding));
}

}  // namespace mayfly::api
