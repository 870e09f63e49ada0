#include "api/cli/doctor_devices.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "api/client/passt_process.h"
#include "base/owned_fd.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

using Weight = Finding::Weight;

void ExamineIoUring(std::vector<Finding>& findings) {
  io_uring_params params{};
  const OwnedFd ring(static_cast<int>(::syscall(SYS_io_uring_setup, 1, &params)));
  if (ring.valid()) {
    findings.push_back(
        {Weight::kGood, "io_uring may be used: disks take several requests at once.", ""});
    return;
  }
  const int error = errno;
  findings.push_back({Weight::kNote,
                      absl::StrCat("io_uring cannot be used (", std::strerror(error),
                                   "): disks take one request after the other."),
                      error == ENOSYS
                          ? "Use a kernel with CONFIG_IO_URING."
                          : "sysctl kernel.io_uring_disabled=0; in a container, have its seccomp "
                            "profile allow io_uring_setup"});
}

[[nodiscard]] bool IsDevice(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && S_ISCHR(info.st_mode);
}

void ExamineTap(const HostPaths& paths, std::vector<Finding>& findings) {
  const OwnedFd tun(::open(paths.tun.c_str(), O_RDWR | O_CLOEXEC));
  const int error = errno;
  if (tun.valid() && IsDevice(tun.get())) {
    // Whether this user may make one himself is left open: trying it would change the host.
    findings.push_back({Weight::kGood,
                        "Tap interfaces that root has made for you may be used (--net tap=NAME; "
                        "ip tuntap add dev NAME mode tap vnet_hdr user $USER makes one).",
                        ""});
    return;
  }
  if (tun.valid()) {
    findings.push_back(
        {Weight::kNote,
         absl::StrCat("Tap interfaces cannot be used: ", paths.tun, " is not a device."),
         absl::StrCat("rm ", paths.tun, " and modprobe tun, or use --net user")});
    return;
  }
  findings.push_back({Weight::kNote,
                      absl::StrCat("Tap interfaces cannot be used: opening ", paths.tun, ": ",
                                   std::strerror(error), "."),
                      error == EACCES || error == EPERM
                          ? absl::StrCat("Let yourself use it (sudo chmod 666 ", paths.tun,
                                         "), or use --net user.")
                          : "modprobe tun, or use --net user"});
}

void ExaminePasst(std::vector<Finding>& findings) {
  const absl::StatusOr<OwnedFd> program = api::PasstProcess::FindProgram();
  if (program.ok()) {
    findings.push_back({Weight::kGood, "passt is installed (--net user).", ""});
  } else {
    findings.push_back(
        {Weight::kNote,
         absl::StrCat("--net user cannot be used: ", program.status().message(), "."), ""});
  }
}

}  // namespace

void ExamineDevices(const HostPaths& paths, std::vector<Finding>& findings) {
  ExamineIoUring(findings);
  ExamineTap(paths, findings);
  ExaminePasst(findings);
}

}  // namespace mayfly::cli
