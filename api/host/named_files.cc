#include "api/host/named_files.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "api/client/open_file.h"
#include "api/codec/fd_file.h"
#include "api/codec/text.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

enum class Use { kKernel, kInitrd, kDiskToRead, kDiskToWrite, kOverlay };

// Calls `visit` with the name of the field, what the file is for, and the file, for each that is
// named and not brought. `Spec` is a reader or a builder.
template <typename Spec, typename Visit>
void VisitNames(Spec spec, const Visit& visit) {
  const auto look = [&visit](const std::string& field, Use use, auto file) {
    if (!file.hasFile() && file.getName().size() != 0) visit(field, use, file);
  };
  if (spec.hasKernel()) look("kernel", Use::kKernel, spec.getKernel());
  if (spec.hasInitrd()) look("initrd", Use::kInitrd, spec.getInitrd());
  if (!spec.hasDisks()) return;
  unsigned position = 0;
  for (auto disk : spec.getDisks()) {
    const std::string field = absl::StrCat("disks[", position++, "]");
    const bool is_read = disk.getReadOnly() || disk.hasOverlay();
    if (disk.hasImage()) {
      look(field + ".image", is_read ? Use::kDiskToRead : Use::kDiskToWrite, disk.getImage());
    }
    if (!disk.hasOverlay()) continue;
    auto upper = disk.getOverlay().getUpper();
    if (upper.isFile()) look(field + ".overlay.upper.file", Use::kOverlay, upper.getFile());
  }
}

[[nodiscard]] absl::StatusOr<vmm::NamedFd> OpenFor(Use use, const std::string& path) {
  switch (use) {
    case Use::kKernel:
      return OpenImage("kernel", path);
    case Use::kInitrd:
      return OpenImage("initrd", path);
    case Use::kDiskToRead:
      return OpenDiskImage(path, vmm::DiskAccess::kReadOnly);
    case Use::kDiskToWrite:
      return OpenDiskImage(path, vmm::DiskAccess::kReadWrite);
    case Use::kOverlay:
      return OpenOverlay(path, Missing::kMake);
  }
  return absl::InternalError("no such use of a file");
}

[[nodiscard]] absl::StatusOr<OwnedFd> OpenOne(const Peer& peer, const std::string& field, Use use,
                                              const std::string& path) {
  if (!peer.IsMaster()) {
    return absl::PermissionDeniedError(
        absl::StrCat(field, ": a host service opens files for root and its own user only; send an ",
                     "open one"));
  }
  if (!path.starts_with('/')) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, ".name: ", path, " is not an absolute path, and the host service has a working ",
        "directory of its own; give the path from /, or send an open file"));
  }
  absl::StatusOr<vmm::NamedFd> opened = OpenFor(use, path);
  if (!opened.ok()) return Annotate(opened.status(), field);
  return std::move(opened->fd);
}

}  // namespace

absl::StatusOr<NamedFiles> NamedFiles::Open(const Peer& peer, rpc::MachineSpec::Reader spec) {
  NamedFiles files;
  absl::Status status;
  VisitNames(spec, [&](const std::string& field, Use use, rpc::NamedFile::Reader file) {
    if (!status.ok()) return;
    absl::StatusOr<OwnedFd> opened = OpenOne(peer, field, use, FromText(file.getName()));
    if (opened.ok()) {
      files.files_.emplace_back(kj::heap<FdFile>(*std::move(opened)));
    } else {
      status = opened.status();
    }
  });
  if (!status.ok()) return status;
  return files;
}

void NamedFiles::PutInto(rpc::MachineSpec::Builder spec) {
  auto next = files_.begin();
  VisitNames(spec, [&next](const std::string& /*field*/, Use /*use*/,
                           rpc::NamedFile::Builder file) { file.setFile(kj::mv(*next++)); });
  files_.clear();
}

}  // namespace mayfly::api
