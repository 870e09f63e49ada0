#include "virtio/block/overlay/overlay_upper.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/checked.h"
#include "base/file_io.h"
#include "base/status.h"

namespace mayfly::virtio {
namespace {

absl::Status CheckKind(int file) {
  struct stat info {};
  if (::fstat(file, &info) != 0) return ErrnoStatus("looking at it");
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError("it is not a regular file: name a file, or one to be made");
  }
  return absl::OkStatus();
}

absl::Status CheckWritable(int file) {
  const int flags = ::fcntl(file, F_GETFL);
  if (flags < 0) return ErrnoStatus("looking at how it was opened");
  if ((static_cast<unsigned>(flags) & O_ACCMODE) != O_RDWR) {
    return absl::PermissionDeniedError(
        "it was not opened for reading and writing: get permission to do both");
  }
  return absl::OkStatus();
}

absl::Status Lock(int file, FileLock lock) {
  MAYFLY_ASSIGN_OR_RETURN(const bool locked, TryLockFile(file, lock));
  if (locked) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "it is in use by another VM: end that one, or give each its own");
}

// What the file begins with: its header, where it has one.
absl::StatusOr<OverlayPage> ReadFront(int file, uint64_t size) {
  OverlayPage front;
  if (size >= kOverlayPage) MAYFLY_RETURN_IF_ERROR(ReadFully(file, 0, front.bytes));
  return front;
}

// Whether there is nothing in it but what Format() may have left when it was interrupted.
bool IsFresh(const OverlayPage& front, uint64_t size, const OverlayLayout& layout) {
  if (size == 0) return true;
  if (size != layout.size()) return false;
  return std::ranges::all_of(front.bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

absl::Status SetSize(int file, uint64_t size) {
  if (::ftruncate(file, static_cast<off_t>(size)) == 0) return absl::OkStatus();
  if (errno == EFBIG) {
    return absl::InvalidArgumentError(absl::StrCat(
        "its file system, or a limit on file sizes, does not let it have the ", size,
        " bytes that it needs room for (few of which are stored): put it on another one, such as "
        "XFS"));
  }
  return ErrnoStatus(absl::StrCat("giving it a size of ", size, " bytes"));
}

absl::StatusOr<OverlayHeader> Format(int file, const BaseIdentity& identity) {
  OverlayHeader header;
  header.capacity = identity.capacity;
  header.base_modified = identity.modified;
  header.base_sample = identity.sample;
  // What was there is gone, the old map too.
  MAYFLY_RETURN_IF_ERROR(SetSize(file, 0));
  MAYFLY_RETURN_IF_ERROR(SetSize(file, OverlayLayout::OfFile(identity.capacity).size()));
  return header;
}

absl::StatusOr<OverlayHeader> ParseHeader(const OverlayPage& front, uint64_t size) {
  OverlayHeader header;
  if (size < kOverlayPage) return absl::InvalidArgumentError("it is no overlay");
  std::memcpy(&header, front.bytes.data(), sizeof header);
  if (header.magic != kOverlayMagic) {
    return absl::InvalidArgumentError(
        "it is no overlay: name an overlay, an empty file, or one to be made");
  }
  if (header.checksum != OverlayChecksum(header)) {
    return absl::DataLossError("its header is damaged: restore it from a copy");
  }
  if (header.version != kOverlayVersion || header.cluster_size != kOverlayCluster) {
    return absl::InvalidArgumentError(
        absl::StrCat("it is an overlay of format ", header.version, " with clusters of ",
                     header.cluster_size, " bytes, and this Mayfly knows format ", kOverlayVersion,
                     " with ", kOverlayCluster, ": use the Mayfly that made it"));
  }
  if (header.capacity == 0 || header.capacity > kOverlayMaxCapacity) {
    return absl::DataLossError(absl::StrCat("its header says that the disk has ", header.capacity,
                                            " bytes, which no disk has"));
  }
  const uint64_t expected = OverlayLayout::OfFile(header.capacity).size();
  if (size != expected) {
    return absl::DataLossError(absl::StrCat("it has ", size, " bytes rather than ", expected,
                                            ": it was cut off or added to; restore it"));
  }
  return header;
}

absl::StatusOr<OverlayContents> Load(int file, const OverlayHeader& header) {
  const OverlayLayout layout = OverlayLayout::OfFile(header.capacity);
  MAYFLY_ASSIGN_OR_RETURN(OverlayMap map, OverlayMap::Create(layout.clusters()));
  uint64_t offset = OverlayLayout::PageOffset(0);
  while (true) {
    MAYFLY_ASSIGN_OR_RETURN(offset, NextStoredByte(file, offset, layout.data_offset));
    if (offset == layout.data_offset) break;
    offset = AlignDown(offset, kOverlayPage);
    OverlayPage page;
    MAYFLY_RETURN_IF_ERROR(ReadFully(file, offset, page.bytes));
    MAYFLY_RETURN_IF_ERROR(map.Load(offset / kOverlayPage - 1, page.bytes));
    offset += kOverlayPage;
  }
  return OverlayContents{.layout = layout, .map = std::move(map), .header = header};
}

// Gives back the space of clusters in [begin, end) that the map does not know as data.
void PunchStrangers(int file, const OverlayContents& contents, uint64_t begin, uint64_t end) {
  while (begin < end) {
    const OverlayMap::Run run = contents.map.RunAt(begin, end);
    if (run.state != ClusterState::kData) {
      // What cannot be given back is only space.
      (void)::fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                        static_cast<off_t>(contents.layout.data_offset + begin * kOverlayCluster),
                        static_cast<off_t>((run.end - begin) * kOverlayCluster));
    }
    begin = run.end;
  }
}

// After a user that died: what it wrote and did not flush is not in the map, but takes space that
// no cap knows of.
void GiveBackUnmapped(int file, const OverlayContents& contents) {
  const uint64_t data = contents.layout.data_offset;
  const uint64_t end = contents.layout.size();
  for (uint64_t offset = data; offset < end;) {
    const off_t begin = ::lseek(file, static_cast<off_t>(offset), SEEK_DATA);
    const off_t hole = begin < 0 ? begin : ::lseek(file, begin, SEEK_HOLE);
    if (hole <= begin) return;
    const uint64_t first = (static_cast<uint64_t>(begin) - data) / kOverlayCluster;
    const uint64_t last = (static_cast<uint64_t>(hole) - data - 1) / kOverlayCluster;
    PunchStrangers(file, contents, first, std::min(last + 1, contents.layout.clusters()));
    offset = static_cast<uint64_t>(hole);
  }
}

absl::StatusOr<OverlayContents> OpenContents(int file, const BaseIdentity& identity) {
  MAYFLY_RETURN_IF_ERROR(CheckKind(file));
  MAYFLY_RETURN_IF_ERROR(CheckWritable(file));
  MAYFLY_RETURN_IF_ERROR(Lock(file, FileLock::kExclusive));
  MAYFLY_ASSIGN_OR_RETURN(const uint64_t size, FileSize(file));
  MAYFLY_ASSIGN_OR_RETURN(const OverlayPage front, ReadFront(file, size));
  const bool fresh = IsFresh(front, size, OverlayLayout::OfFile(identity.capacity));
  auto header = fresh ? Format(file, identity) : ParseHeader(front, size);
  if (!header.ok()) return header.status();
  MAYFLY_RETURN_IF_ERROR(CheckBase(*header, identity));
  MAYFLY_ASSIGN_OR_RETURN(OverlayContents contents, Load(file, *header));
  if ((header->flags & kOverlayInUse) != 0) GiveBackUnmapped(file, contents);
  contents.header->flags |= kOverlayInUse;
  MAYFLY_RETURN_IF_ERROR(WriteOverlayHeader(file, *contents.header));
  return contents;
}

absl::StatusOr<OverlayContents> OpenContentsForWork(int file, OverlayUpper::Work work) {
  const bool change = work == OverlayUpper::Work::kChange;
  MAYFLY_RETURN_IF_ERROR(CheckKind(file));
  if (change) MAYFLY_RETURN_IF_ERROR(CheckWritable(file));
  MAYFLY_RETURN_IF_ERROR(Lock(file, change ? FileLock::kExclusive : FileLock::kShared));
  MAYFLY_ASSIGN_OR_RETURN(const uint64_t size, FileSize(file));
  MAYFLY_ASSIGN_OR_RETURN(const OverlayPage front, ReadFront(file, size));
  MAYFLY_ASSIGN_OR_RETURN(const OverlayHeader header, ParseHeader(front, size));
  return Load(file, header);
}

std::string Context(std::string_view name) {
  return absl::StrCat("overlay \"", ToAbsl(name), "\" cannot be used");
}

}  // namespace

absl::StatusOr<OverlayUpper> OverlayUpper::Open(OwnedFd file, const BaseIdentity& identity,
                                                std::string_view name) {
  absl::StatusOr<OverlayContents> contents = OpenContents(file.get(), identity);
  if (!contents.ok()) return Annotate(contents.status(), Context(name));
  return OverlayUpper{std::move(file), *std::move(contents)};
}

absl::StatusOr<OverlayUpper> OverlayUpper::InMemory(uint64_t capacity) {
  if (capacity > kOverlayMaxCapacity) return OverlayTooLarge();
  const OverlayLayout layout = OverlayLayout::OfMemory(capacity);
  OwnedFd file(::memfd_create("mayfly-overlay", MFD_CLOEXEC));
  if (!file.valid()) return ErrnoStatus("making an overlay in memory");
  if (::ftruncate(file.get(), static_cast<off_t>(layout.size())) != 0) {
    return ErrnoStatus(absl::StrCat("making an overlay of ", capacity, " bytes in memory"));
  }
  MAYFLY_ASSIGN_OR_RETURN(OverlayMap map, OverlayMap::Create(layout.clusters()));
  return OverlayUpper{std::move(file), {layout, std::move(map), std::nullopt}};
}

absl::StatusOr<OverlayUpper> OverlayUpper::OpenForWork(OwnedFd file, Work work,
                                                       std::string_view name) {
  absl::StatusOr<OverlayContents> contents = OpenContentsForWork(file.get(), work);
  if (!contents.ok()) return Annotate(contents.status(), Context(name));
  return OverlayUpper{std::move(file), *std::move(contents)};
}

absl::Status CheckBase(const OverlayHeader& header, const BaseIdentity& identity) {
  if (header.capacity != identity.capacity) {
    return absl::FailedPreconditionError(
        absl::StrCat("it was made over a base of ", header.capacity, " bytes, and this one has ",
                     identity.capacity, ": give it the base that it was made over"));
  }
  if (header.base_sample != identity.sample) {
    return absl::FailedPreconditionError(
        "its base is another image, or was written to since the overlay was made: give it the base "
        "as it was");
  }
  if (header.base_modified != identity.modified) {
    return absl::FailedPreconditionError(
        "its base has another modification time than when the overlay was made: where it was "
        "written to, restore it; where it is only a copy, or was touched, mayfly disk rebase says "
        "so");
  }
  return absl::OkStatus();
}

absl::Status WriteOverlayHeader(int file, OverlayHeader header) {
  header.checksum = OverlayChecksum(header);
  OverlayPage page;
  std::memcpy(page.bytes.data(), &header, sizeof header);
  return Annotate(WriteFully(file, 0, page.bytes), "writing its header");
}

}  // namespace mayfly::virtio
