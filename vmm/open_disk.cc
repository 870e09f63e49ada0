#include "vmm/open_disk.h"

#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "virtio/block/disk/disk_opener.h"
#include "virtio/block/overlay/base_identity.h"
#include "virtio/block/overlay/overlay_upper.h"

namespace mayfly::vmm {
namespace {

using virtio::BlockAccess;
using virtio::BlockBackend;
using virtio::OverlayUpper;

absl::StatusOr<std::unique_ptr<BlockBackend>> OpenFile(NamedFd file, BlockAccess access,
                                                       const DiskConfig& config, EventLoop& io) {
  return virtio::OpenDisk(std::move(file.fd), {.access = access, .caching = config.caching},
                          config.engine, file.name, io);
}

// Memory is copied faster than asked for.
absl::StatusOr<std::unique_ptr<BlockBackend>> OpenMemory(OwnedFd memory, EventLoop& io) {
  return virtio::OpenDisk(std::move(memory), {.access = BlockAccess::kReadWrite},
                          virtio::DiskEngine::kSync, "overlay in memory", io);
}

absl::StatusOr<OverlayUpper> MakeUpper(uint64_t capacity, std::string_view image_name) {
  absl::StatusOr<OverlayUpper> upper = OverlayUpper::InMemory(capacity);
  if (upper.ok()) return upper;
  return Annotate(upper.status(),
                  absl::StrCat("disk \"", ToAbsl(image_name), "\": its overlay in memory"));
}

// `image` is locked by now: who looked at it before could see what a writer then changed.
absl::StatusOr<OverlayUpper> OpenUpper(OwnedFd file, std::string_view name, int image,
                                       std::string_view image_name) {
  MAYFLY_ASSIGN_OR_RETURN(const auto identity, virtio::BaseIdentity::Of(image, image_name));
  return OverlayUpper::Open(std::move(file), identity, name);
}

absl::StatusOr<OpenedDisk> OpenOverlay(DiskConfig config, EventLoop& io) {
  const std::string image_name = config.image.name;
  if (config.access == DiskAccess::kReadOnly) {
    return absl::InvalidArgumentError(absl::StrCat(
        "disk \"", image_name,
        "\": an overlay is there to be written to, and the disk is read-only: leave one "
        "of the two away"));
  }
  OverlayConfig overlay = *std::move(config.overlay);
  const int image = config.image.fd.get();  // the base's
  MAYFLY_ASSIGN_OR_RETURN(auto base,
                          OpenFile(std::move(config.image), BlockAccess::kReadOnly, config, io));
  const bool in_memory = !overlay.upper;
  std::string name = in_memory ? std::string() : std::move(overlay.upper->name);
  MAYFLY_ASSIGN_OR_RETURN(OverlayUpper upper, in_memory ? MakeUpper(base->capacity(), image_name)
                                                        : OpenUpper(std::move(overlay.upper->fd),
                                                                    name, image, image_name));
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
  MAYFLY_ASSIGN_OR_RETURN(auto backend,
                          OpenFile(std::move(config.image), config.access, config, io));
  return OpenedDisk{.backend = std::move(backend)};
}

}  // namespace mayfly::vmm
