#include "virtio/net/filter/net_filter_verdict.h"

namespace mayfly::virtio {

std::string_view Describe(NetFilterVerdict verdict) {
  switch (verdict) {
    case NetFilterVerdict::kPass:
      return "it passes the filter";
    case NetFilterVerdict::kMalformed:
      return "its headers are cut off or contradict themselves";
    case NetFilterVerdict::kSourceMac:
      return "it is not from the guest's MAC address";
    case NetFilterVerdict::kEtherType:
      return "it is neither IP nor ARP, which the filter cannot look into";
    case NetFilterVerdict::kSourceAddress:
      return "it is not from one of the guest's IP addresses";
    case NetFilterVerdict::kArp:
      return "its ARP message claims an address that is not the guest's";
    case NetFilterVerdict::kNeighbour:
      return "its neighbour discovery message claims an address that is not the guest's, or "
             "receivers would not take it";
    case NetFilterVerdict::kRouter:
      return "it speaks as a router or a DHCP server";
    case NetFilterVerdict::kHiddenHeader:
      return "its IP options or extension headers hide what it is about";
    case NetFilterVerdict::kFragment:
      return "it is a fragment that does not show what has to be checked";
    case NetFilterVerdict::kEgress:
      return "no egress rule allows it";
    case NetFilterVerdict::kCount:
      break;
  }
  return {};
}

}  // namespace mayfly::virtio
