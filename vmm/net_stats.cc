#include "vmm/net_stats.h"

#include <cstddef>
#include <string_view>

#include "virtio/net/filter/net_filter.h"
#include "virtio/net/filter/net_header_check.h"

namespace mayfly::vmm {
namespace {

using virtio::NetFilter;
using virtio::NetHeaderCheck;

void Add(std::string_view reason, uint64_t frames, std::vector<NetDrops>& drops) {
  if (frames != 0) drops.push_back({.reason = std::string(reason), .frames = frames});
}

}  // namespace

NetStats StatsOf(const virtio::Net& net) {
  const virtio::NetCounters& counters = net.counters();
  NetStats stats;
  stats.mac = net.filter().config().mac;
  stats.transmit.packets = counters.sent;
  stats.transmit.bytes = counters.sent_bytes;
  stats.transmit.throttled = counters.send_throttled;
  for (size_t i = 0; i < counters.send_faults.size(); ++i) {
    Add(NetHeaderCheck::Describe(static_cast<NetHeaderCheck::Fault>(i)), counters.send_faults.at(i),
        stats.transmit.drops);
  }
  for (size_t i = 0; i < static_cast<size_t>(NetFilter::Verdict::kCount); ++i) {
    const auto verdict = static_cast<NetFilter::Verdict>(i);
    Add(NetFilter::Describe(verdict), net.filter().dropped(verdict), stats.transmit.drops);
  }
  Add("refused by the host", counters.send_errors, stats.transmit.drops);
  stats.receive.packets = counters.received;
  stats.receive.bytes = counters.received_bytes;
  stats.receive.throttled = counters.receive_throttled;
  Add("too long for the guest's buffers", counters.receive_too_long, stats.receive.drops);
  Add("with an offload that the guest has turned off", counters.receive_unwanted,
      stats.receive.drops);
  return stats;
}

}  // namespace mayfly::vmm
