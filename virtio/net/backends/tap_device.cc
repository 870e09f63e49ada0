#include "virtio/net/backends/tap_device.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::virtio {
namespace {

constexpr const char* kTunPath = "/dev/net/tun";

absl::Status ExplainRefusal(std::string_view name, int error) {
  const std::string attempt = absl::StrCat("attaching to the tap interface ", ToAbsl(name));
  switch (error) {
    case EPERM:
      return absl::PermissionDeniedError(
          absl::StrCat(attempt, ": not allowed; have root make it for you: ip tuntap add dev ",
                       ToAbsl(name), " mode tap vnet_hdr user $USER"));
    case EBUSY:
      return absl::FailedPreconditionError(absl::StrCat(attempt, ": somebody else uses it"));
    case EINVAL:
      return absl::FailedPreconditionError(
          absl::StrCat(attempt,
                       ": it is no tap interface, or its queues are not as many as wanted: "
                       "one made with multi_queue takes several, another takes one"));
    default:
      return ErrnoStatus(attempt, error);
  }
}

// Puts the interface's real name in `name`, where the kernel chose a number.
absl::StatusOr<OwnedFd> OpenQueue(std::string& name, int flags) {
  OwnedFd tap(open(kTunPath, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!tap.valid()) return ErrnoStatus(absl::StrCat("opening ", kTunPath));
  ifreq request{};
  std::ranges::copy(name, request.ifr_name);
  request.ifr_flags = static_cast<int16_t>(flags);
  if (ioctl(tap.get(), TUNSETIFF, &request) != 0) return ExplainRefusal(name, errno);
  name = request.ifr_name;
  return tap;
}

}  // namespace

absl::StatusOr<std::vector<OwnedFd>> OpenTap(std::string_view name, uint16_t queue_pairs) {
  // One less than the field: it ends with a zero.
  if (name.empty() || name.size() >= IFNAMSIZ) {
    return absl::InvalidArgumentError(absl::StrCat("\"", ToAbsl(name),
                                                   "\" is no name of an interface: it takes 1 to ",
                                                   IFNAMSIZ - 1, " characters"));
  }
  int flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (queue_pairs > 1) flags |= IFF_MULTI_QUEUE;
  std::string interface(name);
  std::vector<OwnedFd> queues;
  for (uint16_t i = 0; i < queue_pairs; ++i) {
    MAYFLY_ASSIGN_OR_RETURN(OwnedFd queue, OpenQueue(interface, flags));
    queues.push_back(std::move(queue));
  }
  return queues;
}

}  // namespace mayfly::virtio
