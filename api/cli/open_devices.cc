#include "api/cli/open_devices.h"

#include <fcntl.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/client/open_file.h"
#include "base/owned_fd.h"
#include "base/status.h"
#include "virtio/net/backends/tap_device.h"

namespace mayfly::cli {
namespace {

// Whatever keeps a network from us is the user's to put right.
[[nodiscard]] absl::Status AsUsersError(const absl::Status& status) {
  return absl::InvalidArgumentError(absl::StrCat("--net: ", status.message()));
}

// A descriptor that we were started with, for the VMM: not to be waited for, and not inherited by
// anybody else.
[[nodiscard]] absl::StatusOr<OwnedFd> TakeFd(int number) {
  OwnedFd fd(::fcntl(number, F_DUPFD_CLOEXEC, 0));
  const int flags = fd.valid() ? ::fcntl(fd.get(), F_GETFL) : -1;
  if (flags >= 0 && ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) == 0) return fd;
  return ErrnoStatus(
      absl::StrCat("fd ", number, ", which should be a tap that this command was started with"));
}

[[nodiscard]] absl::StatusOr<std::vector<OwnedFd>> TakeFds(const std::vector<int>& numbers) {
  std::vector<OwnedFd> fds;
  for (const int number : numbers) {
    MAYFLY_ASSIGN_OR_RETURN(OwnedFd fd, TakeFd(number));
    fds.push_back(std::move(fd));
  }
  return fds;
}

[[nodiscard]] absl::Status OpenBackend(const NetOption& option, vmm::NetConfig& net,
                                       std::vector<api::PasstProcess>* passts) {
  switch (option.backend) {
    case NetOption::Backend::kNone:
      net.name = "none";
      return absl::OkStatus();
    case NetOption::Backend::kTap: {
      net.name = absl::StrCat("tap ", option.tap);
      auto& tap = net.backend.emplace<vmm::TapNet>();
      MAYFLY_ASSIGN_OR_RETURN(tap.queues, virtio::OpenTap(option.tap, option.queue_pairs));
      return absl::OkStatus();
    }
    case NetOption::Backend::kFd: {
      net.name = absl::StrCat("fd ", absl::StrJoin(option.fds, ", "));
      auto& tap = net.backend.emplace<vmm::TapNet>();
      MAYFLY_ASSIGN_OR_RETURN(tap.queues, TakeFds(option.fds));
      return absl::OkStatus();
    }
    case NetOption::Backend::kUser: {
      net.name = "user";
      if (passts == nullptr) return absl::OkStatus();
      MAYFLY_ASSIGN_OR_RETURN(
          api::PasstProcess passt,
          api::PasstProcess::Start({.forwards = option.forwards, .mtu = option.mtu}));
      net.backend.emplace<vmm::PasstNet>().socket = passt.TakeSocket();
      passts->push_back(std::move(passt));
      return absl::OkStatus();
    }
  }
  return absl::InternalError("a backend without a meaning");
}

[[nodiscard]] absl::StatusOr<vmm::NamedFd> OpenOrMakeOverlay(const std::string& path,
                                                             MadeFiles& made) {
  constexpr mode_t kForOurselves = 0600;  // what a guest writes may be secret
  OwnedFd fresh = made.Make(path, O_RDWR, kForOurselves);
  if (fresh.valid()) return vmm::NamedFd{std::move(fresh), path};
  return api::OpenOverlay(path, api::Missing::kMake);
}

}  // namespace

absl::StatusOr<vmm::DiskConfig> OpenDisk(const DiskOption& option, MadeFiles& made) {
  vmm::DiskConfig disk;
  disk.access = option.access;
  disk.serial = option.serial;
  disk.engine = option.engine;
  disk.caching = option.caching;
  disk.limits = option.limits;
  const vmm::DiskAccess image_access = option.overlay ? vmm::DiskAccess::kReadOnly : option.access;
  MAYFLY_ASSIGN_OR_RETURN(disk.image, api::OpenDiskImage(option.path, image_access));
  if (!option.overlay) return disk;
  disk.overlay.emplace().cap_bytes = option.overlay->cap_bytes;
  if (option.overlay->path) {
    MAYFLY_ASSIGN_OR_RETURN(disk.overlay->upper, OpenOrMakeOverlay(*option.overlay->path, made));
  }
  return disk;
}

absl::StatusOr<vmm::NetConfig> OpenNet(const NetOption& option,
                                       std::vector<api::PasstProcess>* passts) {
  vmm::NetConfig net;
  net.mac = option.mac;
  net.mtu = option.mtu;
  net.queue_pairs = option.queue_pairs;
  net.addresses = option.addresses;
  net.egress = option.egress;
  net.transmit = option.transmit;
  net.receive = option.receive;
  if (const absl::Status status = OpenBackend(option, net, passts); !status.ok()) {
    return AsUsersError(status);
  }
  return net;
}

}  // namespace mayfly::cli
