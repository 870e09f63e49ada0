#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "virtio/block/block_counters.h"
#include "virtio/net/mac_address.h"

namespace mayfly::vmm {

// What devices have done since the VM was made.

struct DiskStats {
  virtio::BlockCounters counters;
  uint64_t capacity = 0;       // bytes
  uint64_t overlay_bytes = 0;  // what the overlay takes, where there is one
};

struct NetDrops {
  std::string reason;  // for people
  uint64_t frames = 0;
};

struct NetDirectionStats {
  uint64_t packets = 0;
  uint64_t bytes = 0;           // of frames
  uint64_t throttled = 0;       // packets that the rate limit made wait
  std::vector<NetDrops> drops;  // those that there were
};

struct NetStats {
  virtio::MacAddress mac;
  NetDirectionStats transmit;  // what the guest sent
  NetDirectionStats receive;   // what it was sent
};

struct DeviceStats {
  std::vector<DiskStats> disks;
  std::vector<NetStats> nets;
};

}  // namespace mayfly::vmm
