#include "virtio/core/interrupt.h"

#include "gtest/gtest.h"
#include "virtio/protocol/mmio_registers.h"

namespace mayfly::virtio {
namespace {

TEST(Interrupt, SetsItsBitBeforeTheEdge) {
  Interrupt interrupt;
  uint32_t seen = 0;
  interrupt.Connect([&] { seen = interrupt.status(); });
  EXPECT_EQ(interrupt.status(), 0U);
  interrupt.Raise(kInterruptUsedBuffer);
  EXPECT_EQ(seen, kInterruptUsedBuffer);
}

TEST(Interrupt, MakesAnotherEdgeBeforeItIsAcknowledged) {
  Interrupt interrupt;
  int edges = 0;
  interrupt.Connect([&] { ++edges; });
  interrupt.Raise(kInterruptUsedBuffer);
  interrupt.Raise(kInterruptUsedBuffer);
  EXPECT_EQ(edges, 2);
}

TEST(Interrupt, ForgetsOnlyWhatIsAcknowledged) {
  Interrupt interrupt;
  interrupt.Raise(kInterruptUsedBuffer);
  interrupt.Raise(kInterruptConfigChange);
  interrupt.Acknowledge(kInterruptUsedBuffer);
  EXPECT_EQ(interrupt.status(), kInterruptConfigChange);
}

}  // namespace
}  // namespace mayfly::virtio
