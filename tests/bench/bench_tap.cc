#include "tests/bench/bench_tap.h"

#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "base/owned_fd.h"
#include "base/status.h"
#include "virtio/net/backends/tap_device.h"
#include "virtio/net/testing/own_network.h"

namespace mayfly::bench {
namespace {

absl::Status SetPersistent(const std::string& name, bool persistent) {
  MAYFLY_ASSIGN_OR_RETURN(const std::vector<OwnedFd> queues, virtio::OpenTap(name, 1));
  if (::ioctl(queues.front().get(), TUNSETPERSIST, persistent ? 1UL : 0UL) != 0) {
    return ErrnoStatus("keeping the tap " + name);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BenchTap> BenchTap::Create(std::string name) {
  MAYFLY_RETURN_IF_ERROR(SetPersistent(name, true));
  BenchTap tap(std::move(name), 0);
  MAYFLY_ASSIGN_OR_RETURN(tap.index_, virtio::BringUp(tap.name_));
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
