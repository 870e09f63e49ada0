#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mayfly::virtio {

// What is left of `pieces` after their first `bytes`; changes the piece that is cut. For transfers
// that did a part.
[[nodiscard]] std::span<iovec> WithoutFront(std::span<iovec> pieces, size_t bytes);

// Pieces of guest memory that a driver strung together, as host addresses: one run of bytes,
// wherever its seams are (virtio 1.2, 2.7.4: a device must not care how a message is cut into
// descriptors).
//
// Reused from request to request: clearing keeps the storage. Not thread-safe. The bytes can change
// at any time.
class Buffers final {
 public:
  void Clear();
  // An empty piece is left out.
  void Append(std::byte* data, size_t size);

  // Bytes left.
  [[nodiscard]] uint64_t size() const { return size_; }
  // The pieces left, none of them empty; ready for preadv(2) and pwritev(2).
  [[nodiscard]] std::span<iovec> pieces();

  // Copies the first `out.size()` bytes out and drops them. False, with nothing done, where there
  // are not as many.
  [[nodiscard]] bool TakeFront(std::span<std::byte> out);
  // Copies `data` over the first bytes, as many as there are, and drops those. Returns how many
  // they were.
  size_t PutFront(std::span<const std::byte> data);
  // Drops the last byte and returns where it is; nullptr where there is none.
  [[nodiscard]] std::byte* TakeLastByte();

 private:
  void DropFront(size_t bytes);

  std::vector<iovec> pieces_;
  size_t first_ = 0;  // of pieces_, what comes before is used up
  uint64_t size_ = 0;
};

// What a driver made available by one head descriptor.
struct Chain {
  uint16_t head = 0;
  Buffers readable;  // by the device
  Buffers writable;  // by the device
};

}  // namespace mayfly::virtio
