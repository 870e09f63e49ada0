#include "api/cli/spec/spec_options.h"

#include <capnp/message.h>

#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/cli/spec/message_file.h"
#include "api/client/resource_limits_codec.h"
#include "api/client/user_net_codec.h"
#include "api/codec/disk_codec.h"
#include "api/codec/file_arrivals.h"
#include "api/codec/machine_spec.h"
#include "api/codec/net_codec.h"
#include "api/codec/rate_limits_codec.h"
#include "api/codec/text.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

using api::BadField;

[[nodiscard]] absl::StatusOr<std::string> FileName(const std::string& field,
                                                   rpc::NamedFile::Reader file) {
  if (file.getName().size() == 0) {
    return BadField(field + ".name", "give the file's name");
  }
  return api::FromText(file.getName());
}

[[nodiscard]] absl::Status ApplyOverlay(const std::string& field, rpc::Overlay::Reader reader,
                                        OverlayOption& overlay) {
  overlay.cap_bytes = reader.getCapBytes();
  if (!reader.getUpper().isFile()) return absl::OkStatus();
  MAYFLY_ASSIGN_OR_RETURN(overlay.path,
                          FileName(field + ".upper.file", reader.getUpper().getFile()));
  return absl::OkStatus();
}

[[nodiscard]] absl::Status ApplyDisk(const std::string& field, rpc::Disk::Reader reader,
                                     DiskOption& disk) {
  MAYFLY_ASSIGN_OR_RETURN(disk.path, FileName(field + ".image", reader.getImage()));
  disk.access = reader.getReadOnly() ? vmm::DiskAccess::kReadOnly : vmm::DiskAccess::kReadWrite;
  MAYFLY_RETURN_IF_ERROR(api::DecodeEngine(field + ".engine", reader.getEngine(), disk.engine));
  disk.caching = reader.getDirect() ? vmm::DiskCaching::kDirect : vmm::DiskCaching::kHostCache;
  disk.serial = api::FromText(reader.getSerial());
  disk.limits = api::DecodeRateLimits(reader.getLimits());
  if (!reader.hasOverlay()) return absl::OkStatus();
  return ApplyOverlay(field + ".overlay", reader.getOverlay(), disk.overlay.emplace());
}

[[nodiscard]] absl::Status ApplyBackend(const std::string& field, rpc::Net::Backend::Reader reader,
                                        NetOption& net) {
  switch (reader.which()) {
    case rpc::Net::Backend::NONE:
      net.backend = NetOption::Backend::kNone;
      return absl::OkStatus();
    case rpc::Net::Backend::TAP_NAMED:
      net.backend = NetOption::Backend::kTap;
      net.tap = api::FromText(reader.getTapNamed());
      if (net.tap.empty()) return BadField(field + ".tapNamed", "give the interface's name");
      return absl::OkStatus();
    case rpc::Net::Backend::USER: {
      net.backend = NetOption::Backend::kUser;
      MAYFLY_ASSIGN_OR_RETURN(net.forwards,
                              api::DecodeForwards(field + ".user.forwards", reader.getUser()));
      return absl::OkStatus();
    }
    case rpc::Net::Backend::TAP:
    case rpc::Net::Backend::PASST:
      break;
  }
  return BadField(field, "a file cannot be given here; give none, tapNamed or user");
}

[[nodiscard]] absl::Status ApplyNet(const std::string& field, rpc::Net::Reader reader,
                                    NetOption& option) {
  MAYFLY_RETURN_IF_ERROR(ApplyBackend(field + ".backend", reader.getBackend(), option));
  // All but the backend is as on the wire.
  capnp::MallocMessageBuilder message;
  message.setRoot(reader);
  auto rest = message.getRoot<rpc::Net>();
  rest.getBackend().setNone();
  vmm::NetConfig net;
  api::FileArrivals no_files;
  MAYFLY_RETURN_IF_ERROR(api::DecodeNet(field, rest, net, no_files));
  option.mac = net.mac;
  option.mtu = net.mtu;
  if (net.queue_pairs > kMaxQueuePairs) {
    return BadField(field + ".queuePairs", absl::StrCat("give 1 to ", kMaxQueuePairs));
  }
  option.queue_pairs = net.queue_pairs;
  option.addresses = std::move(net.addresses);
  option.egress = std::move(net.egress);
  option.transmit = net.transmit;
  option.receive = net.receive;
  return absl::OkStatus();
}

[[nodiscard]] absl::Status ApplyDevices(rpc::MachineSpec::Reader spec, RunOptions& options) {
  for (const auto reader : spec.getDisks()) {
    const std::string field = absl::StrCat("disks[", options.disks.size(), "]");
    MAYFLY_RETURN_IF_ERROR(ApplyDisk(field, reader, options.disks.emplace_back()));
  }
  for (const auto reader : spec.getNets()) {
    const std::string field = absl::StrCat("nets[", options.nets.size(), "]");
    MAYFLY_RETURN_IF_ERROR(ApplyNet(field, reader, options.nets.emplace_back()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplySpec(rpc::MachineSpec::Reader spec, RunOptions& options) {
  if (spec.hasCpuProfile()) {
    return BadField("cpuProfile", "it is of this host, which is asked for it; leave it away");
  }
  if (spec.getCpus() == 0) return BadField("cpus", "give 1 or more");
  options.cpus = spec.getCpus();
  options.memory.bytes = spec.getMemoryBytes();
  MAYFLY_RETURN_IF_ERROR(api::DecodeMemory(spec.getMemoryBacking(), options.memory.options));
  if (spec.hasKernel()) {
    MAYFLY_ASSIGN_OR_RETURN(options.kernel, FileName("kernel", spec.getKernel()));
  }
  if (spec.hasInitrd()) {
    MAYFLY_ASSIGN_OR_RETURN(options.initrd, FileName("initrd", spec.getInitrd()));
  }
  if (spec.hasCommandLine()) options.command_line = api::FromText(spec.getCommandLine());
  MAYFLY_RETURN_IF_ERROR(api::DecodeBootProtocol(spec.getBootProtocol(), options.boot_protocol));
  MAYFLY_ASSIGN_OR_RETURN(options.timeout, api::DecodeTimeout(spec.getTimeoutNanoseconds()));
  MAYFLY_ASSIGN_OR_RETURN(options.limit.limits, api::DecodeResourceLimits(spec.getLimits()));
  for (const auto label : spec.getLabels()) {
    options.labels.push_back(
        {.name = api::FromText(label.getName()), .value = api::FromText(label.getValue())});
  }
  return ApplyDevices(spec, options);
}

absl::Status ReadSpec(const std::string& path, RunOptions& options) {
  capnp::MallocMessageBuilder message;
  auto spec = message.initRoot<rpc::MachineSpec>();
  MAYFLY_RETURN_IF_ERROR(ReadMessageFile("specification", path, spec));
  return Annotate(ApplySpec(spec, options), MessageFileName(path));
}

}  // namespace mayfly::cli
