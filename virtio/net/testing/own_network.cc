#include "virtio/net/testing/own_network.h"

#include <linux/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/owned_fd.h"
#include "base/status.h"

namespace mayfly::virtio {

absl::Status EnterEmptyNetwork() {
  // With a user namespace where it takes one: a process may have rights in its own.
  if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
    return ErrnoStatus("making a network of its own (unshare)");
  }
  // Or the host would send neighbour discovery to the guest in the middle of things.
  for (const char* scope : {"all", "default"}) {
    std::ofstream(absl::StrCat("/proc/sys/net/ipv6/conf/", scope, "/disable_ipv6")) << 1;
  }
  return absl::OkStatus();
}

absl::StatusOr<int> BringUp(std::string_view interface) {
  const OwnedFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::copy_n(interface.begin(), std::min<size_t>(interface.size(), IFNAMSIZ - 1),
              request.ifr_name);
  request.ifr_flags = IFF_UP;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0 ||
      ::ioctl(socket.get(), SIOCGIFINDEX, &request) != 0) {
    return ErrnoStatus(absl::StrCat("switching on the interface ", ToAbsl(interface)));
  }
  return request.ifr_ifindex;
}

}  // namespace mayfly::virtio
