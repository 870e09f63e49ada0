#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/owned_fd.h"
#include "virtio/net/ip_network.h"
#include "virtio/net/mac_address.h"
#include "virtio/net/net_filter_config.h"
#include "virtio/rate/rate_limiter.h"

namespace mayfly::vmm {

// A cable that ends nowhere.
struct NoNet {};

// /dev/net/tun after TUNSETIFF with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR: one descriptor for each
// queue pair.
struct TapNet {
  std::vector<OwnedFd> queues;
};

// A stream socket connected to passt(1).
struct PasstNet {
  OwnedFd socket;
};

struct NetConfig {
  std::string name;  // for messages only, such as "tap tap0"
  std::variant<NoNet, TapNet, PasstNet> backend;
  std::optional<virtio::MacAddress> mac;  // none: one is made by chance
  uint16_t mtu = 0;                       // bytes; 0: the guest is not told
  uint16_t queue_pairs = 1;
  // What the guest may send: see virtio::NetFilterConfig.
  std::vector<virtio::IpNetwork> addresses;
  std::optional<std::vector<virtio::EgressRule>> egress;
  virtio::RateLimits transmit;  // of what the guest sends
  virtio::RateLimits receive;   // of what it is sent
};

}  // namespace mayfly::vmm
