#include "api/codec/disk_codec.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "api/codec/rate_limits_codec.h"
#include "api/codec/text.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

[[nodiscard]] rpc::DiskEngine EncodeEngine(vmm::DiskEngine engine) {
  switch (engine) {
    case vmm::DiskEngine::kAuto:
      return rpc::DiskEngine::AUTO;
    case vmm::DiskEngine::kSync:
      return rpc::DiskEngine::SYNC;
    case vmm::DiskEngine::kUring:
      return rpc::DiskEngine::IO_URING;
  }
  return rpc::DiskEngine::AUTO;
}

void EncodeOverlay(vmm::OverlayConfig overlay, rpc::Overlay::Builder builder) {
  builder.setCapBytes(overlay.cap_bytes);
  if (overlay.upper) {
    EncodeFile(*std::move(overlay.upper), builder.getUpper().initFile());
  } else {
    builder.getUpper().setMemory();
  }
}

[[nodiscard]] absl::Status DecodeOverlay(const std::string& field, rpc::Overlay::Reader reader,
                                         vmm::OverlayConfig& overlay, FileArrivals& arrivals) {
  overlay.cap_bytes = reader.getCapBytes();
  const auto upper = reader.getUpper();
  switch (upper.which()) {
    case rpc::Overlay::Upper::MEMORY:
      return absl::OkStatus();
    case rpc::Overlay::Upper::FILE:
      return arrivals.Expect(field + ".upper", upper.getFile(), overlay.upper.emplace());
  }
  return BadField(field + ".upper", "this VMM does not know such a one");
}

}  // namespace

absl::Status DecodeEngine(const std::string& field, rpc::DiskEngine engine, vmm::DiskEngine& into) {
  switch (engine) {
    case rpc::DiskEngine::AUTO:
      into = vmm::DiskEngine::kAuto;
      return absl::OkStatus();
    case rpc::DiskEngine::SYNC:
      into = vmm::DiskEngine::kSync;
      return absl::OkStatus();
    case rpc::DiskEngine::IO_URING:
      into = vmm::DiskEngine::kUring;
      return absl::OkStatus();
  }
  return BadField(field, "this VMM does not know it");
}

void EncodeDisk(vmm::DiskConfig disk, rpc::Disk::Builder builder) {
  EncodeFile(std::move(disk.image), builder.initImage());
  builder.setReadOnly(disk.access == vmm::DiskAccess::kReadOnly);
  builder.setSerial(ToText(disk.serial));
  builder.setEngine(EncodeEngine(disk.engine));
  builder.setDirect(disk.caching == vmm::DiskCaching::kDirect);
  if (disk.overlay) EncodeOverlay(*std::move(disk.overlay), builder.initOverlay());
  if (disk.limits != virtio::RateLimits()) EncodeRateLimits(disk.limits, builder.initLimits());
}

absl::Status DecodeDisk(const std::string& field, rpc::Disk::Reader reader, vmm::DiskConfig& disk,
                        FileArrivals& arrivals) {
  MAYFLY_RETURN_IF_ERROR(arrivals.Expect(field + ".image", reader.getImage(), disk.image));
  disk.access = reader.getReadOnly() ? vmm::DiskAccess::kReadOnly : vmm::DiskAccess::kReadWrite;
  disk.serial = FromText(reader.getSerial());
  if (disk.serial.size() > vmm::kMaxDiskSerial) {
    return BadField(field + ".serial",
                    absl::StrCat("it has ", disk.serial.size(), " bytes; at most ",
                                 vmm::kMaxDiskSerial, " can be shown to the guest"));
  }
  MAYFLY_RETURN_IF_ERROR(DecodeEngine(field + ".engine", reader.getEngine(), disk.engine));
  disk.caching = reader.getDirect() ? vmm::DiskCaching::kDirect : vmm::DiskCaching::kHostCache;
  disk.limits = DecodeRateLimits(reader.getLimits());
  if (!reader.hasOverlay()) return absl::OkStatus();
  return DecodeOverlay(field + ".overlay", reader.getOverlay(), disk.overlay.emplace(), arrivals);
}

}  // namespace mayfly::api
