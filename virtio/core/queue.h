#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/guest_memory.h"
#include "virtio/core/buffers.h"

namespace mayfly::virtio {

// The most entries any queue has. A chain is never longer, so that it fits one preadv(2) (IOV_MAX);
// a device that adds pieces of its own has smaller queues.
inline constexpr uint16_t kMaxQueueSize = 1024;

// Where a driver put a queue: numbers from the guest, unchecked.
struct QueueLayout {
  uint32_t size = 0;         // entries
  uint64_t descriptors = 0;  // guest physical addresses
  uint64_t available = 0;    // the driver area
  uint64_t used = 0;         // the device area
};

// The device's side of a split virtqueue (virtio 1.2, 2.7), and the only code that walks rings.
//
// The guest writes the rings while they are read: every index, descriptor and flag is copied once,
// then checked, then the copy used. What the specification forbids a driver (a loop, an index out
// of range, a buffer that is not RAM, more available than there are entries, and the like) breaks
// the queue: Pop() says once what it was, and from then on the queue finds and publishes nothing,
// until it is activated anew.
//
// A turn of a device:
//   do {
//     queue.DisableNotifications();
//     while (Pop(chain) finds one) { use it; Push(chain.head, written); }
//     if (queue.Publish()) interrupt;
//   } while (!queue.EnableNotifications());
//
// Threading: one thread at a time, with acquire and release on the indices shared with the driver.
// Nothing is allocated but for a chain longer than all that were in that Chain before.
class Queue final {
 public:
  // Takes the queue into use. `memory` outlives that. Errors: InvalidArgument for a size that is
  // zero, no power of two or more than `max_size`, or an area that is misaligned or not RAM of one
  // region.
  [[nodiscard]] absl::Status Activate(const GuestMemory& memory, const QueueLayout& layout,
                                      uint16_t max_size, uint64_t features);
  void Deactivate() { *this = Queue(); }
  [[nodiscard]] bool active() const { return size_ != 0; }
  [[nodiscard]] bool broken() const { return broken_; }
  [[nodiscard]] uint16_t size() const { return size_; }

  // Takes the next available chain; false where there is none. Errors: FailedPrecondition, once,
  // with what the driver did wrong; `chain` is then of no use.
  [[nodiscard]] absl::StatusOr<bool> Pop(Chain& chain);
  // Gives a chain back, `written` bytes from its first writable one on having been written. The
  // driver sees it with the next Publish(). In any order; exactly once for every chain popped.
  void Push(uint16_t head, uint32_t written);
  // Shows the driver all that was pushed. True where it wants to be interrupted for it.
  [[nodiscard]] bool Publish();

  // Tells the driver that it need not kick. A hint: kicks may come all the same.
  void DisableNotifications();
  // Asks for a kick with the next chain. False where one is there already, for which no kick will
  // come: go on popping.
  [[nodiscard]] bool EnableNotifications();

 private:
  // A descriptor table: the queue's own or an indirect one.
  struct Table {
    const std::byte* entries = nullptr;
    uint32_t count = 0;
    bool indirect = false;
  };

  [[nodiscard]] absl::Status Walk(uint16_t head, Chain& chain);
  [[nodiscard]] absl::Status AddBuffer(uint64_t address, uint32_t length, uint16_t flags,
                                       Chain& chain);
  [[nodiscard]] absl::Status EnterIndirect(uint64_t address, uint32_t length, uint16_t flags,
                                           Table& table);
  // Whether the driver has more available; looks at the ring only where what was seen before is
  // used up.
  [[nodiscard]] absl::StatusOr<bool> SeeAvailable();
  [[nodiscard]] absl::Status Break(std::string_view what);
  [[nodiscard]] bool DriverWantsInterrupt(uint16_t published_before) const;

  const GuestMemory* memory_ = nullptr;
  std::byte* descriptors_ = nullptr;
  std::byte* available_ = nullptr;
  std::byte* used_ = nullptr;
  uint16_t size_ = 0;
  bool event_index_ = false;
  bool indirect_ = false;
  bool broken_ = false;
  // Free-running, as the indices in the rings.
  uint16_t next_available_ = 0;  // to be popped
  uint16_t seen_available_ = 0;  // the driver's index when last looked at
  uint16_t next_used_ = 0;       // to be pushed
  uint16_t published_used_ = 0;  // the index that the driver sees
  uint16_t in_flight_ = 0;       // popped, not pushed
};

}  // namespace mayfly::virtio
