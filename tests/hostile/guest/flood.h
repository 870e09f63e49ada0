#pragma once

#include <cstdint>
#include <vector>

#include "tests/hostile/guest/disk.h"
#include "tests/hostile/guest/ring.h"

namespace mayfly::hostile {

// Requests of all kinds in every place of a disk's ring, each with a header, a segment and a status
// of its own; what they read and write is the same memory for all.
class Flood final {
 public:
  // As many as the ring has descriptors for. `disk` outlives the flood, and does nothing else
  // meanwhile.
  explicit Flood(Disk& disk);
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;

  [[nodiscard]] size_t size() const { return requests_.size(); }
  // What request `index` is: a transfer of `bytes` (at most Disk::kDataBytes),
  void Set(size_t index, BlockRequestType type, uint64_t sector, uint32_t bytes);
  // or a discard, or zeroes.
  void Set(size_t index, BlockRequestType type, const virtio::BlockSegment& segment);

  // Makes available again what the device has given back, and kicks: from one CPU at a time.
  void Refill();
  // Expects that the device gives everything back, and has said of each what became of it; returns
  // how many were served.
  size_t Drain();

 private:
  struct Request {
    BlockRequestHeader header;
    virtio::BlockSegment segment;
    uint8_t status = Disk::kNoStatus;
  };

  void Set(size_t index, BlockRequestType type, uint64_t sector, RingDescriptor data);

  Disk& disk_;
  std::vector<Request> requests_;
};

}  // namespace mayfly::hostile
