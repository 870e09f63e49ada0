#include "tests/bench/host_mounts.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::bench {
namespace {

// Hidden by the first of them, for us alone.
constexpr char kPlace[] = "/tmp";

[[nodiscard]] absl::Status Mount(const std::string& place) {
  if (::mount("bench", place.c_str(), "tmpfs", 0, "size=1m") == 0) return absl::OkStatus();
  return ErrnoStatus(absl::StrCat("mounting on ", place));
}

}  // namespace

absl::Status AddMounts(size_t count) {
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return ErrnoStatus("making a mount namespace (it takes root)");
  }
  if (count == 0) return absl::OkStatus();
  MAYFLY_RETURN_IF_ERROR(Mount(kPlace));
  for (size_t i = 1; i < count; ++i) {
    const std::string place = absl::StrCat(kPlace, "/", i);
    if (::mkdir(place.c_str(), S_IRWXU) != 0) return ErrnoStatus(absl::StrCat("making ", place));
    MAYFLY_RETURN_IF_ERROR(Mount(place));
  }
  return absl::OkStatus();
}

}  // namespace mayfly::bench
