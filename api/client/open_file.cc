#include "api/client/open_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

// NONBLOCK: a FIFO without a writer must not keep us; files and disks do not mind.
constexpr int kAlways = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
// What a guest writes may be secret.
constexpr mode_t kForOurselves = 0600;

[[nodiscard]] std::string_view RemedyForReading(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return "check the path";
    case EACCES:
      return "make it readable for you (chmod, or run as its owner)";
    case ELOOP:
      return "name the file itself, not what a process has open";
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files (ulimit -n)";
    default:
      return "";
  }
}

[[nodiscard]] std::string_view RemedyForWriting(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return "make it writable for you";
    case EISDIR:
      return "name a file";
    case ETXTBSY:
      return "a running program is not a disk";
    default:
      return RemedyForReading(error);
  }
}

[[nodiscard]] std::string_view RemedyForDisk(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return "make it writable for you, or attach it read-only with \",ro\" behind its name";
    case EISDIR:
      return "a disk is a file or a block device; mke2fs -d makes a disk image of a directory";
    default:
      return RemedyForWriting(error);
  }
}

// Invalid, with errno set, where it cannot be had.
[[nodiscard]] OwnedFd Open(const std::string& path, int flags, MagicLinks links) {
  flags |= kAlways;
  const mode_t mode = (flags & O_CREAT) != 0 ? kForOurselves : 0;
  if (links == MagicLinks::kFollow) return OwnedFd(::open(path.c_str(), flags, mode));
  open_how how{.flags = static_cast<__u64>(flags), .mode = mode, .resolve = RESOLVE_NO_MAGICLINKS};
  // By number: the C library has no wrapper.
  return OwnedFd(
      static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
}

[[nodiscard]] absl::Status CannotOpen(std::string_view role, const std::string& path,
                                      std::string_view purpose, int error,
                                      std::string_view remedy) {
  return absl::InvalidArgumentError(absl::StrCat(ToAbsl(role), " ", path, " cannot be opened",
                                                 ToAbsl(purpose), ": ", std::strerror(error),
                                                 remedy.empty() ? "" : "; ", ToAbsl(remedy)));
}

}  // namespace

absl::StatusOr<OwnedFd> OpenKvm(const std::string& path) {
  OwnedFd kvm(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (kvm.valid()) return kvm;
  const int error = errno;
  std::string_view remedy = "mayfly doctor tells more";
  if (error == ENOENT || error == ENODEV || error == ENXIO) {
    remedy =
        "load the module kvm_intel or kvm_amd, or enable virtualization in the firmware or the "
        "outer hypervisor; mayfly doctor "
        "tells more";
  } else if (error == EACCES || error == EPERM) {
    remedy =
        "join the group kvm (sudo usermod -aG kvm \"$USER\", then log in again); mayfly doctor "
        "tells more";
  }
  return absl::UnavailableError(absl::StrCat("KVM cannot be used: opening ", path, ": ",
                                             std::strerror(error), "; ", ToAbsl(remedy)));
}

absl::StatusOr<vmm::NamedFd> OpenImage(std::string_view role, const std::string& path,
                                       MagicLinks links) {
  OwnedFd fd = Open(path, O_RDONLY, links);
  if (!fd.valid()) return CannotOpen(role, path, "", errno, RemedyForReading(errno));
  return vmm::NamedFd{std::move(fd), path};
}

absl::StatusOr<vmm::NamedFd> OpenDiskImage(const std::string& path, vmm::DiskAccess access,
                                           MagicLinks links) {
  if (access == vmm::DiskAccess::kReadOnly) return OpenImage("disk", path, links);
  OwnedFd fd = Open(path, O_RDWR, links);
  if (!fd.valid()) {
    return CannotOpen("disk", path, " for writing", errno, RemedyForDisk(errno));
  }
  return vmm::NamedFd{std::move(fd), path};
}

absl::StatusOr<vmm::NamedFd> OpenOverlay(const std::string& path, Missing missing,
                                         MagicLinks links) {
  const int create = missing == Missing::kMake ? O_CREAT : 0;
  OwnedFd fd = Open(path, O_RDWR | create, links);
  if (!fd.valid()) {
    return CannotOpen("overlay", path, " for writing", errno, RemedyForWriting(errno));
  }
  return vmm::NamedFd{std::move(fd), path};
}

}  // namespace mayfly::api
