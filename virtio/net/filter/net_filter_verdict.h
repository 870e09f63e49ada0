#pragma once

#include <cstdint>
#include <string_view>

namespace mayfly::virtio {

// What NetFilter says of a frame.
enum class NetFilterVerdict : uint8_t {
  kPass,
  kMalformed,      // headers are cut off, or contradict themselves
  kSourceMac,      // not the guest's MAC address
  kEtherType,      // neither IP nor ARP
  kSourceAddress,  // not the guest's IP address
  kArp,            // ARP that claims an address that is not the guest's
  kNeighbour,      // neighbour discovery that does so, or that RFC 4861 has receivers discard
  kRouter,         // speaks as a router or a DHCP server
  kHiddenHeader,   // IP options or extension headers behind which anything could be
  kFragment,       // a fragment that does not show what has to be checked
  kEgress,         // no rule allows it
  kCount,
};

// For people, behind "dropped:".
[[nodiscard]] std::string_view Describe(NetFilterVerdict verdict);

}  // namespace mayfly::virtio
