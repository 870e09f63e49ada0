#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "virtio/net/filter/net_header_check.h"

namespace mayfly::virtio {

// What went through a network device since it was made, seen from the driver. Bytes are those of
// frames. What the filter dropped, NetFilter counts.
struct NetCounters {
  uint64_t sent = 0;
  uint64_t sent_bytes = 0;
  uint64_t send_throttled = 0;  // packets that the rate limit made wait
  uint64_t send_errors = 0;     // dropped: the backend refused them
  // Dropped: what NetHeaderCheck says is wrong with them.
  std::array<uint64_t, static_cast<size_t>(NetHeaderCheck::Fault::kCount)> send_faults{};

  uint64_t received = 0;
  uint64_t received_bytes = 0;
  uint64_t receive_throttled = 0;
  uint64_t receive_too_long = 0;   // dropped: the driver's buffers cannot hold them
  uint64_t receive_unwanted = 0;   // dropped: need an offload that the driver has turned off
  uint64_t receive_exhausted = 0;  // times that the driver had no buffers left
};

}  // namespace mayfly::virtio
