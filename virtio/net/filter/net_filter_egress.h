#pragma once

#include <vector>

#include "virtio/net/filter/net_filter_packet.h"
#include "virtio/net/filter/net_filter_verdict.h"
#include "virtio/net/net_filter_config.h"

namespace mayfly::virtio {

// What the rules say of `packet`: kPass, kFragment where they would allow some ports that it does
// not show, or kEgress.
[[nodiscard]] NetFilterVerdict CheckEgressRules(const std::vector<EgressRule>& rules,
                                                const IpPacket& packet);

// Whether any packet at all may go to `destination`.
[[nodiscard]] bool IsReachable(const std::vector<EgressRule>& rules, const IpAddress& destination);

}  // namespace mayfly::virtio
