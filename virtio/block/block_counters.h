#pragma once

#include <cstdint>

namespace mayfly::virtio {

// What a driver had a block device do, since the device was made. Requests are counted when they
// are done, with success or without.
struct BlockCounters {
  uint64_t reads = 0;
  uint64_t writes = 0;
  uint64_t flushes = 0;
  uint64_t discards = 0;
  uint64_t write_zeroes = 0;
  uint64_t read_bytes = 0;     // of those that succeeded
  uint64_t written_bytes = 0;  // of those that succeeded; without zeroes
  uint64_t errors = 0;         // requests that the driver was told had an I/O error
  uint64_t throttled = 0;      // requests that a rate limit made wait
};

}  // namespace mayfly::virtio
