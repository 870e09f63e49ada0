#pragma once

#include <cstdint>

namespace mayfly::virtio {

// What a queue pair may move in one direction before others of the io thread have their turn.
struct NetBudget {
  uint32_t packets = 0;
  uint64_t bytes = 0;

  [[nodiscard]] bool exhausted() const { return packets == 0 || bytes == 0; }
  void Take(uint64_t packet_bytes) {
    --packets;
    bytes -= packet_bytes < bytes ? packet_bytes : bytes;
  }
};

}  // namespace mayfly::virtio
