#pragma once

#include <vector>

#include "virtio/net/ip_network.h"
#include "virtio/net/mac_address.h"
#include "virtio/net/net_filter_config.h"

namespace mayfly::virtio {

// Who the guest of a NetFilter is.
class NetFilterIdentity final {
 public:
  explicit NetFilterIdentity(const NetFilterConfig& config);

  [[nodiscard]] const MacAddress& mac() const { return mac_; }
  // One of the addresses given, or the link-local address made of the MAC address. Others that the
  // guest makes up for itself (RFC 7217) are not known to be its own: the next guest's router could
  // have the same.
  [[nodiscard]] bool Owns(const IpAddress& address) const;

 private:
  MacAddress mac_;
  IpAddress link_local_;
  std::vector<IpNetwork> addresses_;
};

}  // namespace mayfly::virtio
