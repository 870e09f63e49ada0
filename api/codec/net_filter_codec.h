#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/mayfly.capnp.h"
#include "virtio/net/ip_network.h"
#include "vmm/net_config.h"

namespace mayfly::api {

void EncodePrefix(const virtio::IpNetwork& network, rpc::IpPrefix::Builder builder);
// Errors: InvalidArgument naming the field, which begins with `field`.
[[nodiscard]] absl::StatusOr<virtio::IpNetwork> DecodePrefix(const std::string& field,
                                                             rpc::IpPrefix::Reader reader);

// `addresses` and `egress` of a network device.
void EncodeNetFilter(const vmm::NetConfig& net, rpc::NetFilter::Builder builder);
// Errors: InvalidArgument naming the field, which begins with `field`.
[[nodiscard]] absl::Status DecodeNetFilter(const std::string& field, rpc::NetFilter::Reader reader,
                                           vmm::NetConfig& net);

}  // namespace mayfly::api
