#include "virtio/interrupt.h"

#include "gtest/gtest.h"
#include "virtio/mmio_registers.h"

namespace mayfly::virtio {
namespace {

TEST(Interrupt, SetsItsBitAndSignals) {
  Interrupt interrupt(EventFd::Create().value());
  EXPECT_FALSE(interrupt.event().Drain());
  interrupt.Raise(kInterruptUsedBuffer);
  EXPECT_EQ(interrupt.status(), kInterruptUsedBuffer);
  EXPECT_TRUE(interrupt.event().Drain());
}

TEST(Interrupt, SignalsAgainBeforeItIsAcknowledged) {
  Interrupt interrupt(EventFd::Create().value());
  interrupt.Raise(kInterruptUsedBuffer);
  EXPECT_TRUE(interrupt.event().Drain());
  interrupt.Raise(kInterruptUsedBuffer);
  EXPECT_TRUE(interrupt.event().Drain());
}

TEST(Interrupt, ForgetsOnlyWhatIsAcknowledged) {
  Interrupt interrupt(EventFd::Create().value());
  interrupt.Raise(kInterruptUsedBuffer);
  interrupt.Raise(kInterruptConfigChange);
  interrupt.Acknowledge(kInterruptUsedBuffer);
  EXPECT_EQ(interrupt.status(), kInterruptConfigChange);
}

}  // namespace
}  // namespace mayfly::virtio
