#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/guest_memory.h"
#include "gtest/gtest.h"
#include "virtio/core/queue.h"
#include "virtio/protocol/features.h"
#include "virtio/testing/driver_ring.h"
#include "virtio/testing/guest_ram.h"

namespace mayfly::virtio {

// A queue, and a driver that does with it what a test says.
class QueueTest : public ::testing::Test {
 protected:
  static constexpr uint16_t kSize = 8;
  static constexpr uint64_t kRing = 0x1000;
  static constexpr uint64_t kData = 0x8000;
  static constexpr uint64_t kTable = 0x9000;
  static constexpr uint64_t kAllFeatures = kRingFeatures;
  static constexpr uint64_t kPlain = kFeatureVersion1;

  void Activate(uint64_t features) {
    ASSERT_TRUE(queue_.Activate(memory_, ring_.layout(), kSize, features).ok());
  }
  bool PopOne() {
    const absl::StatusOr<bool> popped = queue_.Pop(chain_);
    EXPECT_TRUE(popped.ok()) << popped.status();
    return popped.ok() && *popped;
  }
  // What Pop() says about a driver that broke the rules; afterwards the queue is dead and quiet.
  std::string BreakMessage() {
    const absl::Status status = queue_.Pop(chain_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_TRUE(queue_.broken());
    const absl::StatusOr<bool> again = queue_.Pop(chain_);
    EXPECT_TRUE(again.ok() && !*again);
    EXPECT_FALSE(queue_.Publish());
    EXPECT_TRUE(queue_.EnableNotifications());
    return {status.message().data(), status.message().size()};
  }
  std::string ActivateError(const QueueLayout& layout) {
    const absl::Status status = queue_.Activate(memory_, layout, kSize, kAllFeatures);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(queue_.active());
    return {status.message().data(), status.message().size()};
  }
  [[nodiscard]] std::byte* Host(uint64_t address) const { return memory_.TryTranslate(address, 1); }

  const GuestMemory memory_ = MakeGuestRam();
  DriverRing ring_{memory_, kRing, kSize};
  Queue queue_;
  Chain chain_;
};

}  // namespace mayfly::virtio
