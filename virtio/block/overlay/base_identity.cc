#include "virtio/block/overlay/base_identity.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <span>

#include "absl/strings/str_cat.h"
#include "base/checked.h"
#include "base/file_io.h"
#include "base/status.h"
#include "virtio/block/block_backend.h"
#include "virtio/block/overlay/overlay_format.h"

namespace mayfly::virtio {
namespace {

constexpr uint64_t kSamples = 16;
constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

// As much of a page as the disk has; zeroes behind.
[[nodiscard]] absl::Status ReadPage(int fd, uint64_t offset, uint64_t capacity, OverlayPage& page) {
  page.bytes.fill(std::byte{0});
  const uint64_t size = std::min(kOverlayPage, capacity - offset);
  return ReadFully(fd, offset, std::span(page.bytes).first(size));
}

[[nodiscard]] absl::StatusOr<uint64_t> Sample(int fd, uint64_t capacity) {
  OverlayPage page;
  uint64_t hash = 0;
  const uint64_t last = AlignDown(capacity - 1, kOverlayPage);
  const uint64_t step = AlignDown(last / (kSamples - 1), kOverlayPage);
  for (uint64_t at = 0; at < kSamples; ++at) {
    const uint64_t offset = at + 1 == kSamples ? last : at * step;
    MAYFLY_RETURN_IF_ERROR(ReadPage(fd, offset, capacity, page));
    hash = OverlayHash(page.bytes, hash);
  }
  return hash;
}

[[nodiscard]] absl::StatusOr<BaseIdentity> Identify(int fd) {
  BaseIdentity identity;
  MAYFLY_ASSIGN_OR_RETURN(identity.capacity, FileSize(fd));
  if (identity.capacity == 0 || identity.capacity % kSectorSize != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "it has ", identity.capacity, " bytes, and a disk is a multiple of ", kSectorSize));
  }
  if (identity.capacity > kOverlayMaxCapacity) return OverlayTooLarge();
  struct stat info {};
  if (::fstat(fd, &info) != 0) return ErrnoStatus("looking at it");
  if (S_ISREG(info.st_mode)) {
    // A time beyond the year 2262 wraps, and stays the same that it was.
    const auto seconds = static_cast<uint64_t>(info.st_mtim.tv_sec);
    identity.modified = static_cast<int64_t>(seconds * kNanosecondsPerSecond +
                                             static_cast<uint64_t>(info.st_mtim.tv_nsec));
  }
  MAYFLY_ASSIGN_OR_RETURN(identity.sample, Sample(fd, identity.capacity));
  return identity;
}

}  // namespace

absl::StatusOr<BaseIdentity> BaseIdentity::Of(int fd, std::string_view name) {
  absl::StatusOr<BaseIdentity> identity = Identify(fd);
  if (identity.ok()) return identity;
  return Annotate(identity.status(),
                  absl::StrCat("\"", ToAbsl(name), "\" cannot be the base of an overlay"));
}

}  // namespace mayfly::virtio
