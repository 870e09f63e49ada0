#include "vmm/open_disk.h"

#include <utility>

#include "base/status.h"
#include "virtio/disk_opener.h"
#include "virtio/overlay/base_identity.h"
#include "virtio/overlay/overlay_upper.h"

namespace mayfly::vmm {
namespace {

using virtio::BlockAccess;
using virtio::BlockBackend;
using virtio::OverlayUpper;

virtio::DiskEngine EngineOf(const DiskConfig& config) {
  switch (config.engine) {
    case DiskEngine::kAuto:
      return virtio::DiskEngine::kAuto;
    case DiskEngine::kSync:
      return virtio::DiskEngine::kSync;
    case DiskEngine::kIoUring:
      return virtio::DiskEngine::kUring;
  }
  return virtio::DiskEngine::kAuto;
}

virtio::DiskFile::Options OptionsOf(const DiskConfig& config, BlockAccess access) {
  return {.access = access,
          .caching = config.caching == DiskCaching::kDirect ? virtio::DiskCaching::kDirect
                                                            : virtio::DiskCaching::kHostCache};
}

absl::StatusOr<std::unique_ptr<BlockBackend>> OpenFile(NamedFd file, BlockAccess access,
                                                       const DiskConfig& config, EventLoop& io) {
  return virtio::OpenDisk(std::move(file.fd), OptionsOf(config, access), EngineOf(config),
                          file.name, io);
}

// Memory is copied faster than asked for.
absl::StatusOr<std::unique_ptr<BlockBackend>> OpenMemory(OwnedFd memory, EventLoop& io) {
  return virtio::OpenDisk(std::move(memory), {.access = BlockAccess::kReadWrite},
                          virtio::DiskEngine::kSync, "overlay in memory", io);
}

absl::StatusOr<OpenedDisk> OpenOverlay(DiskConfig config, EventLoop& io) {
  OverlayConfig overlay = *std::move(config.overlay);
  MAYFLY_ASSIGN_OR_RETURN(const auto identity,
                          virtio::BaseIdentity::Of(config.image.fd.get(), config.image.name));
  MAYFLY_ASSIGN_OR_RETURN(auto base,
                          OpenFile(std::move(config.image), BlockAccess::kReadOnly, config, io));
  const bool in_memory = !overlay.upper;
  std::string name = in_memory ? std::string() : std::move(overlay.upper->name);
  MAYFLY_ASSIGN_OR_RETURN(OverlayUpper upper,
                          in_memory
                              ? OverlayUpper::InMemory(base->capacity())
                              : OverlayUpper::Open(std::move(overlay.upper->fd), identity, name));
  MAYFLY_ASSIGN_OR_RETURN(
      auto layer, in_memory ? OpenMemory(std::move(upper.file), io)
                            : OpenFile({.fd = std::move(upper.file), .name = std::move(name)},
                                       BlockAccess::kReadWrite, config, io));
  const uint64_t cap = overlay.cap_bytes == 0 ? virtio::OverlayDisk::kNoCap : overlay.cap_bytes;
  auto disk = std::make_unique<virtio::OverlayDisk>(std::move(base), std::move(layer),
                                                    std::move(upper.contents), cap);
  const virtio::OverlayDisk* const view = disk.get();
  return OpenedDisk{.backend = std::move(disk), .overlay = view};
}

}  // namespace

absl::StatusOr<OpenedDisk> OpenDisk(DiskConfig config, EventLoop& io) {
  if (config.overlay) return OpenOverlay(std::move(config), io);
  const BlockAccess access =
      config.access == DiskAccess::kReadOnly ? BlockAccess::kReadOnly : BlockAccess::kReadWrite;
  MAYFLY_ASSIGN_OR_RETURN(auto backend, OpenFile(std::move(config.image), access, config, io));
  return OpenedDisk{.backend = std::move(backend)};
}

}  // namespace mayfly::vmm
