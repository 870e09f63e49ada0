#include "tests/bench/bench_tap.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::bench {
namespace {

ifreq Request(const std::string& name) {
  ifreq request{};
  std::copy_n(name.begin(), std::min<size_t>(name.size(), IFNAMSIZ - 1), request.ifr_name);
  return request;
}

// The fd of a tap interface, new or there already. One queue, with virtio headers.
absl::StatusOr<OwnedFd> OpenTap(const std::string& name) {
  OwnedFd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus("opening /dev/net/tun");
  ifreq request = Request(name);
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) return ErrnoStatus("making the tap " + name);
  return fd;
}

absl::Status SetPersistent(const std::string& name, bool persistent) {
  MAYFLY_ASSIGN_OR_RETURN(const OwnedFd fd, OpenTap(name));
  if (::ioctl(fd.get(), TUNSETPERSIST, persistent ? 1UL : 0UL) != 0) {
    return ErrnoStatus("keeping the tap " + name);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status EnterEmptyNetwork() {
  if (::unshare(CLONE_NEWNET) != 0) return ErrnoStatus("making a network of its own (unshare)");
  // Or the host would send neighbour discovery to the guest in the middle of things.
  for (const char* scope : {"all", "default"}) {
    std::ofstream(absl::StrCat("/proc/sys/net/ipv6/conf/", scope, "/disable_ipv6")) << 1;
  }
  return absl::OkStatus();
}

absl::StatusOr<BenchTap> BenchTap::Create(std::string name) {
  MAYFLY_RETURN_IF_ERROR(SetPersistent(name, true));
  BenchTap tap(std::move(name), 0);
  const OwnedFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = Request(tap.name_);
  if (::ioctl(socket.get(), SIOCGIFINDEX, &request) != 0) return ErrnoStatus("finding the tap");
  tap.index_ = request.ifr_ifindex;
  if (::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) return ErrnoStatus("finding the tap");
  request.ifr_flags = static_cast<int16_t>(request.ifr_flags | IFF_UP);
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0)
    return ErrnoStatus("switching the tap on");
  return tap;
}

BenchTap::~BenchTap() {
  if (!name_.empty()) SetPersistent(name_, false).IgnoreError();
}

absl::StatusOr<uint64_t> BenchTap::PacketsFromGuest() const {
  std::ifstream file("/proc/thread-self/net/dev");
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string name;
    uint64_t bytes = 0;
    uint64_t packets = 0;
    if (words >> name >> bytes >> packets && name == name_ + ":") return packets;
  }
  return absl::NotFoundError("the tap's counters are not to be found");
}

}  // namespace mayfly::bench
