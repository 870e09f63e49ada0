#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "virtio/net/filter/net_filter_identity.h"
#include "virtio/net/filter/net_filter_packet.h"
#include "virtio/net/filter/net_filter_verdict.h"
#include "virtio/net/net_filter_config.h"

namespace mayfly::virtio {

// Decides which of a guest's Ethernet frames may leave it. It holds no state but its counters:
// every frame is judged by itself.
//
// Always: the frame comes from the guest's own MAC address.
//
// Where addresses are given: IP packets come from one of them, and ARP and neighbour discovery
// speak for nobody else. Further sources that are the guest's own: the IPv6 link-local address made
// of its MAC address (RFC 4291, appendix A); no address yet (0.0.0.0 in DHCP, IGMP and ARP probes,
// :: in duplicate address detection and MLD). What only routers and servers of a link say is
// dropped (router advertisements, redirects, IGMP and MLD queries, DHCP answers).
//
// Where egress rules are given: IP packets go where a rule allows it. Needed for the link, and
// allowed without a rule: ARP; neighbour and router solicitations and neighbour advertisements, to
// link-local addresses and to those that some rule allows anything for; IGMP and MLD that no router
// forwards; DHCP requests to 255.255.255.255 and DHCPv6's to ff02::1:2. Answers need a rule as
// well: a server in the guest answers whom a rule lets it talk to.
//
// With either, whatever hides what it is about is dropped: EtherTypes other than IP and ARP (VLAN
// tags, 802.2 frames), cut-off headers, headers behind the first kHeadBytes, source routes and
// unknown IP options, IPv6 extension headers other than hop-by-hop and destination options of known
// harmless kinds and fragment headers. A fragment without the ports is allowed where all ports are.
//
// A frame that the host will cut into segments is judged by its only header, which all of them
// inherit.
//
// Threading: one thread at a time.
class NetFilter final {
 public:
  using Verdict = NetFilterVerdict;

  // All that is looked at. Ethernet, IPv6 and an ICMPv6 neighbour message take 78 bytes, IPv4 with
  // all its options and the ports 78: this leaves room for extension headers.
  static constexpr size_t kHeadBytes = 256;

  explicit NetFilter(NetFilterConfig config);

  // `head`: the first kHeadBytes of the frame, all of it where it is shorter; memory that nobody
  // changes meanwhile. `frame_bytes`: the length of the frame, from the Ethernet header on. Counts
  // what it does not let pass.
  [[nodiscard]] Verdict CheckOutgoing(std::span<const std::byte> head, uint64_t frame_bytes);

  // Frames dropped with that verdict so far.
  [[nodiscard]] uint64_t dropped(Verdict verdict) const {
    return counters_[static_cast<size_t>(verdict)];
  }
  // Of all verdicts.
  [[nodiscard]] uint64_t dropped() const;
  [[nodiscard]] const NetFilterConfig& config() const { return config_; }
  // For people: "it is not from the guest's MAC address".
  [[nodiscard]] static std::string_view Describe(Verdict verdict) {
    return virtio::Describe(verdict);
  }

 private:
  [[nodiscard]] Verdict Judge(std::span<const std::byte> head, uint64_t frame_bytes) const;
  [[nodiscard]] Verdict JudgeArp(std::span<const std::byte> message) const;
  [[nodiscard]] Verdict JudgePacket(const IpPacket& packet) const;
  [[nodiscard]] Verdict JudgeIdentity(const IpPacket& packet) const;
  [[nodiscard]] Verdict JudgeDestination(const IpPacket& packet) const;
  [[nodiscard]] bool IsUpkeep(const IpPacket& packet) const;

  const NetFilterConfig config_;
  const NetFilterIdentity identity_;
  std::array<uint64_t, static_cast<size_t>(Verdict::kCount)> counters_{};
};

}  // namespace mayfly::virtio
