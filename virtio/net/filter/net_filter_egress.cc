#include "virtio/net/filter/net_filter_egress.h"

#include <algorithm>

#include "virtio/net/filter/net_bytes.h"

namespace mayfly::virtio {
namespace {

using Verdict = NetFilterVerdict;

constexpr size_t kDestinationPort = 2;  // in TCP's and UDP's headers

[[nodiscard]] bool IsAbout(EgressProtocol protocol, const IpPacket& packet) {
  switch (protocol) {
    case EgressProtocol::kAny:
      return true;
    case EgressProtocol::kTcp:
      return packet.protocol == IpProtocol::kTcp;
    case EgressProtocol::kUdp:
      return packet.protocol == IpProtocol::kUdp;
    case EgressProtocol::kIcmp:
      return packet.protocol ==
             (packet.family() == IpFamily::kV4 ? IpProtocol::kIcmp : IpProtocol::kIcmp6);
  }
  return false;
}

[[nodiscard]] bool AsksForPorts(const EgressRule& rule) {
  return (rule.protocol == EgressProtocol::kTcp || rule.protocol == EgressProtocol::kUdp) &&
         !rule.ports.IsAll();
}

[[nodiscard]] Verdict CheckRule(const EgressRule& rule, const IpPacket& packet) {
  if (!IsAbout(rule.protocol, packet) || !rule.destination.Contains(packet.destination)) {
    return Verdict::kEgress;
  }
  if (!AsksForPorts(rule)) return Verdict::kPass;
  if (packet.fragment == IpFragment::kLater) return Verdict::kFragment;
  return rule.ports.Contains(Word(packet.payload, kDestinationPort)) ? Verdict::kPass
                                                                     : Verdict::kEgress;
}

}  // namespace

NetFilterVerdict CheckEgressRules(const std::vector<EgressRule>& rules, const IpPacket& packet) {
  auto verdict = Verdict::kEgress;
  for (const EgressRule& rule : rules) {
    const Verdict says = CheckRule(rule, packet);
    if (says == Verdict::kPass) return says;
    if (says == Verdict::kFragment) verdict = says;
  }
  return verdict;
}

bool IsReachable(const std::vector<EgressRule>& rules, const IpAddress& destination) {
  return std::any_of(rules.begin(), rules.end(), [&](const EgressRule& rule) {
    return rule.destination.Contains(destination);
  });
}

}  // namespace mayfly::virtio
