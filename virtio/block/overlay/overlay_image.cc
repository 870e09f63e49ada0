#include "virtio/block/overlay/overlay_image.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file_io.h"
#include "base/owned_fd.h"
#include "base/status.h"
#include "virtio/block/overlay/base_identity.h"
#include "virtio/block/overlay/overlay_upper.h"

namespace mayfly::virtio {
namespace {

constexpr size_t kChunk = size_t{1} << 20;

std::string Quoted(std::string_view name) { return absl::StrCat("\"", ToAbsl(name), "\""); }

// Bytes of `from` to the same or another place in `to`, which is a hole there. What is zero stays
// one.
class Copier final {
 public:
  explicit Copier(int to) : to_(to), chunk_(kChunk) {}

  [[nodiscard]] absl::Status Copy(int from, uint64_t from_offset, uint64_t to_offset,
                                  uint64_t bytes) {
    const uint64_t end = from_offset + bytes;
    while (from_offset < end) {
      MAYFLY_ASSIGN_OR_RETURN(const uint64_t data, NextStoredByte(from, from_offset, end));
      to_offset += data - from_offset;
      from_offset = data;
      const uint64_t part = std::min<uint64_t>(end - from_offset, kChunk);
      if (part != 0) MAYFLY_RETURN_IF_ERROR(CopyChunk(from, from_offset, to_offset, part));
      from_offset += part;
      to_offset += part;
    }
    return absl::OkStatus();
  }

 private:
  absl::Status CopyChunk(int from, uint64_t from_offset, uint64_t to_offset, uint64_t bytes) {
    const std::span<std::byte> chunk = std::span(chunk_).first(bytes);
    MAYFLY_RETURN_IF_ERROR(ReadFully(from, from_offset, chunk));
    for (size_t at = 0; at < chunk.size();) {
      const size_t begin = SkipBlocks(chunk, at, Blocks::kZero);
      const size_t end = SkipBlocks(chunk, begin, Blocks::kOther);
      if (begin < end) {
        MAYFLY_RETURN_IF_ERROR(
            WriteFully(to_, to_offset + begin, chunk.subspan(begin, end - begin)));
      }
      at = end;
    }
    return absl::OkStatus();
  }

  enum class Blocks { kZero, kOther };
  // Where the blocks of this kind that begin at `at` end.
  static size_t SkipBlocks(std::span<const std::byte> chunk, size_t at, Blocks kind) {
    while (at < chunk.size()) {
      const auto block = chunk.subspan(at, std::min(chunk.size() - at, size_t{kOverlayCluster}));
      const bool zero =
          std::ranges::all_of(block, [](std::byte byte) { return byte == std::byte{0}; });
      if (zero != (kind == Blocks::kZero)) break;
      at += block.size();
    }
    return at;
  }

  const int to_;
  std::vector<std::byte> chunk_;
};

absl::Status LockBase(const NamedFile& base) {
  const absl::StatusOr<bool> locked = TryLockFile(base.fd, FileLock::kShared);
  if (!locked.ok()) return Annotate(locked.status(), Quoted(base.name));
  if (*locked) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(Quoted(base.name), " is being written to by a VM: end that one"));
}

absl::StatusOr<BaseIdentity> IdentifyBase(const NamedFile& base) {
  MAYFLY_RETURN_IF_ERROR(LockBase(base));
  return BaseIdentity::Of(base.fd, base.name);
}

absl::StatusOr<OverlayUpper> OpenUpper(const NamedFile& upper, OverlayUpper::Work work) {
  MAYFLY_ASSIGN_OR_RETURN(OwnedFd file, OwnedFd::Duplicate(upper.fd));
  return OverlayUpper::OpenForWork(std::move(file), work, upper.name);
}

std::string Pair(const NamedFile& base, const NamedFile& upper) {
  return absl::StrCat("overlay ", Quoted(upper.name), " over ", Quoted(base.name));
}

// The file begins as a clone of the base where the file system shares blocks, else as one hole.
enum class Start { kClone, kHole };

absl::StatusOr<Start> StartImage(int base, int image, uint64_t capacity) {
  MAYFLY_ASSIGN_OR_RETURN(const uint64_t size, FileSize(image));
  if (size != 0) return absl::FailedPreconditionError("it is not empty: name a new file");
  if (::ioctl(image, FICLONE, base) == 0) return Start::kClone;
  if (::ftruncate(image, static_cast<off_t>(capacity)) != 0) {
    return ErrnoStatus(absl::StrCat("giving it a size of ", capacity, " bytes"));
  }
  return Start::kHole;
}

absl::Status PunchHole(int image, uint64_t offset, uint64_t bytes) {
  if (::fallocate(image, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                  static_cast<off_t>(bytes)) == 0) {
    return absl::OkStatus();
  }
  return ErrnoStatus(absl::StrCat("making a hole at offset ", offset));
}

absl::Status WriteImage(int base, const OverlayUpper& upper, int image) {
  const OverlayLayout& layout = upper.contents.layout;
  MAYFLY_ASSIGN_OR_RETURN(const Start start, StartImage(base, image, layout.capacity));
  Copier copier(image);
  for (uint64_t cluster = 0; cluster < layout.clusters();) {
    const OverlayMap::Run run = upper.contents.map.RunAt(cluster, layout.clusters());
    const uint64_t offset = cluster * kOverlayCluster;
    const uint64_t bytes = std::min(run.end * kOverlayCluster, layout.capacity) - offset;
    // A clone has the base's bytes here, which zeroes of the upper are to hide.
    if (start == Start::kClone && run.state != ClusterState::kBase) {
      MAYFLY_RETURN_IF_ERROR(PunchHole(image, offset, bytes));
    }
    if (start == Start::kHole && run.state == ClusterState::kBase) {
      MAYFLY_RETURN_IF_ERROR(copier.Copy(base, offset, offset, bytes));
    }
    if (run.state == ClusterState::kData) {
      MAYFLY_RETURN_IF_ERROR(
          copier.Copy(upper.file.get(), layout.data_offset + offset, offset, bytes));
    }
    cluster = run.end;
  }
  if (::fsync(image) != 0) return ErrnoStatus("making it durable");
  return absl::OkStatus();
}

absl::Status SetBase(int file, OverlayHeader& header, const BaseIdentity& identity) {
  header.base_modified = identity.modified;
  header.base_sample = identity.sample;
  MAYFLY_RETURN_IF_ERROR(WriteOverlayHeader(file, header));
  if (::fdatasync(file) != 0) return ErrnoStatus("making its header durable");
  return absl::OkStatus();
}

// Over a base that has all that is in the upper. The map goes before the data that it leads to;
// while it goes, each cluster is the same from either layer.
absl::Status Empty(const OverlayUpper& upper, OverlayHeader& header) {
  const int file = upper.file.get();
  const OverlayLayout& layout = upper.contents.layout;
  const uint64_t map = OverlayLayout::PageOffset(0);
  MAYFLY_RETURN_IF_ERROR(PunchHole(file, map, layout.data_offset - map));
  if (::fdatasync(file) != 0) return ErrnoStatus("emptying its map");
  MAYFLY_RETURN_IF_ERROR(PunchHole(file, layout.data_offset, layout.size() - layout.data_offset));
  header.flags &= ~kOverlayInUse;
  return WriteOverlayHeader(file, header);
}

}  // namespace

absl::StatusOr<OverlayInfo> InspectOverlay(const NamedFile& upper) {
  MAYFLY_ASSIGN_OR_RETURN(const OverlayUpper opened, OpenUpper(upper, OverlayUpper::Work::kLook));
  const OverlayMap& map = opened.contents.map;
  const OverlayHeader& header = *opened.contents.header;
  OverlayInfo info;
  info.capacity = header.capacity;
  info.data_bytes = map.data_clusters() * kOverlayCluster;
  info.used_bytes = map.used_bytes();
  info.base_modified = header.base_modified;
  info.unclean = (header.flags & kOverlayInUse) != 0;
  for (uint64_t cluster = 0; cluster < map.clusters();) {
    const OverlayMap::Run run = map.RunAt(cluster, map.clusters());
    if (run.state == ClusterState::kZero) info.zero_bytes += (run.end - cluster) * kOverlayCluster;
    cluster = run.end;
  }
  return info;
}

absl::Status FlattenOverlay(const NamedFile& base, const NamedFile& upper, const NamedFile& image) {
  MAYFLY_ASSIGN_OR_RETURN(const OverlayUpper opened, OpenUpper(upper, OverlayUpper::Work::kLook));
  MAYFLY_ASSIGN_OR_RETURN(const BaseIdentity identity, IdentifyBase(base));
  MAYFLY_RETURN_IF_ERROR(Annotate(CheckBase(*opened.contents.header, identity), Pair(base, upper)));
  return Annotate(WriteImage(base.fd, opened, image.fd),
                  absl::StrCat("writing the image ", Quoted(image.name)));
}

absl::Status EmptyOverlayOnto(const NamedFile& base, const NamedFile& upper) {
  MAYFLY_ASSIGN_OR_RETURN(const OverlayUpper opened, OpenUpper(upper, OverlayUpper::Work::kChange));
  MAYFLY_ASSIGN_OR_RETURN(const BaseIdentity identity, IdentifyBase(base));
  OverlayHeader header = *opened.contents.header;
  if (identity.capacity != header.capacity) {
    return Annotate(CheckBase(header, identity), Pair(base, upper));
  }
  // Until it is empty, there may be data that the map does not know of.
  header.flags |= kOverlayInUse;
  absl::Status done = SetBase(opened.file.get(), header, identity);
  if (done.ok()) done = Empty(opened, header);
  return Annotate(done, Pair(base, upper));
}

absl::Status RebaseOverlay(const NamedFile& base, const NamedFile& upper) {
  MAYFLY_ASSIGN_OR_RETURN(const OverlayUpper opened, OpenUpper(upper, OverlayUpper::Work::kChange));
  MAYFLY_ASSIGN_OR_RETURN(const BaseIdentity identity, IdentifyBase(base));
  OverlayHeader header = *opened.contents.header;
  if (identity.capacity != header.capacity) {
    return Annotate(CheckBase(header, identity), Pair(base, upper));
  }
  return Annotate(SetBase(opened.file.get(), header, identity), Pair(base, upper));
}

}  // namespace mayfly::virtio
