#include "vmm/open_net.h"

#include <sys/random.h>

#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "virtio/net/backends/null_net.h"
#include "virtio/net/backends/passt_backend.h"
#include "virtio/net/backends/tap_backend.h"

namespace mayfly::vmm {
namespace {

using virtio::MacAddress;
using virtio::NetBackend;

// An address that no maker of network cards gives away (IEEE 802c: the U/L bit), of 46 bits by
// chance: two VMs on one network do not meet.
absl::StatusOr<MacAddress> MacByChance() {
  constexpr uint8_t kGroupBit = 0x01;
  constexpr uint8_t kLocalBit = 0x02;
  MacAddress mac;
  if (::getrandom(mac.bytes.data(), mac.bytes.size(), 0) !=
      static_cast<ssize_t>(mac.bytes.size())) {
    return ErrnoStatus("making a MAC address by chance");
  }
  mac.bytes.front() = static_cast<uint8_t>((mac.bytes.front() & ~kGroupBit) | kLocalBit);
  return mac;
}

absl::Status CheckQueuePairs(const NetConfig& config, size_t available) {
  if (config.queue_pairs == available) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("it is to have ", config.queue_pairs,
                                                 " queue pairs, but its backend has ", available,
                                                 ": give as many"));
}

// A backend for each kind that a NetConfig can have.
struct BackendOpener {
  absl::StatusOr<std::unique_ptr<NetBackend>> operator()(const NoNet& /*none*/) const {
    return std::make_unique<virtio::NullNet>(config.queue_pairs);
  }
  absl::StatusOr<std::unique_ptr<NetBackend>> operator()(TapNet& tap) const {
    MAYFLY_RETURN_IF_ERROR(CheckQueuePairs(config, tap.queues.size()));
    return virtio::TapBackend::Create(std::move(tap.queues), io);
  }
  absl::StatusOr<std::unique_ptr<NetBackend>> operator()(PasstNet& passt) const {
    MAYFLY_RETURN_IF_ERROR(CheckQueuePairs(config, 1));
    return virtio::PasstBackend::Create(std::move(passt.socket), io);
  }

  const NetConfig& config;
  EventLoop& io;
};

absl::StatusOr<std::unique_ptr<virtio::Net>> Open(NetConfig config, EventLoop& io) {
  if (!config.mac) {
    MAYFLY_ASSIGN_OR_RETURN(config.mac, MacByChance());
  }
  MAYFLY_ASSIGN_OR_RETURN(auto backend,
                          std::visit(BackendOpener{.config = config, .io = io}, config.backend));
  virtio::Net::Options options = {.filter = {.mac = *config.mac,
                                             .addresses = std::move(config.addresses),
                                             .egress = std::move(config.egress)},
                                  .mtu = config.mtu,
                                  .transmit = config.transmit,
                                  .receive = config.receive};
  return virtio::Net::Create(std::move(backend), std::move(options), io);
}

}  // namespace

absl::StatusOr<std::unique_ptr<virtio::Net>> OpenNet(NetConfig config, EventLoop& io) {
  const std::string name = config.name;
  auto net = Open(std::move(config), io);
  if (!net.ok()) return Annotate(net.status(), absl::StrCat("network device \"", name, "\""));
  return net;
}

}  // namespace mayfly::vmm
