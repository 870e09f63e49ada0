#include "virtio/core/mmio_transport.h"

#include <array>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/testing/mmio_transport_fixture.h"

namespace mayfly::virtio {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_F(MmioTransportTest, ServesKicksOfBothKinds) {
  driver_.Start(kAll, ring_.layout());
  transport_->kick(0).Signal();
  log_.kicks.wait(0);
  EXPECT_EQ(log_.kicks, 1);
  driver_.Write(MmioRegister::kQueueNotify, 0);
  log_.kicks.wait(1);
  EXPECT_EQ(log_.kicks, 2);
  Settle();
  EXPECT_EQ(first_kicks_, 1);
}

TEST_F(MmioTransportTest, IgnoresKicksForQueuesThatAreNotThere) {
  driver_.Start(kAll, ring_.layout());
  for (const uint32_t queue : {1U, 2U, 0x10000U, 0xffffffffU}) {
    driver_.Write(MmioRegister::kQueueNotify, queue);
  }
  Settle();
  EXPECT_EQ(log_.kicks, 0);
}

TEST_F(MmioTransportTest, IgnoresKicksBeforeDriverOkAndAfterAReset) {
  driver_.Negotiate(kAll);
  driver_.SetUpQueue(0, ring_.layout());
  driver_.Write(MmioRegister::kQueueNotify, 0);
  Settle();
  driver_.AddStatus(kStatusDriverOk);
  driver_.Reset();
  driver_.Write(MmioRegister::kQueueNotify, 0);
  Settle();
  EXPECT_EQ(log_.kicks, 0);
  EXPECT_EQ(first_kicks_, 0);
}

TEST_F(MmioTransportTest, ResetsTheDeviceBeforeTheWriteReturns) {
  driver_.Start(kAll, ring_.layout());
  OnIo([this] { log_.host->InterruptForQueue(); });
  driver_.Reset();
  EXPECT_EQ(log_.resets, 1);
  EXPECT_EQ(driver_.Read(MmioRegister::kStatus), 0U);
  EXPECT_EQ(driver_.Read(MmioRegister::kInterruptStatus), 0U);
  EXPECT_EQ(driver_.Read(MmioRegister::kQueueReady), 0U);
  EXPECT_EQ(driver_.Start(kAll, ring_.layout()), kReady);
  EXPECT_EQ(log_.activations, 2);
}

TEST_F(MmioTransportTest, ForgetsTheLayoutOfQueuesOnReset) {
  driver_.Start(kAll, ring_.layout());
  driver_.Negotiate(kAll);
  driver_.Write(MmioRegister::kQueueReady, 1);  // with nothing else written
  EXPECT_EQ(driver_.AddStatus(kStatusDriverOk), kReady | kStatusNeedsReset);
}

TEST_F(MmioTransportTest, GivesUpWithTheDriver) {
  driver_.Start(kAll, ring_.layout());
  EXPECT_EQ(driver_.AddStatus(kStatusFailed), kReady | kStatusFailed);
  EXPECT_EQ(log_.resets, 1);
  driver_.Write(MmioRegister::kQueueNotify, 0);
  Settle();
  EXPECT_EQ(log_.kicks, 0);
  driver_.Reset();
  EXPECT_EQ(driver_.Start(kAll, ring_.layout()), kReady);
}

TEST_F(MmioTransportTest, TakesNoStepForADriverThatGaveUp) {
  driver_.Negotiate(kAll);
  driver_.AddStatus(kStatusFailed);
  EXPECT_EQ(driver_.AddStatus(kStatusDriverOk) & kStatusDriverOk, 0U);
  EXPECT_EQ(log_.activations, 0);
}

TEST_F(MmioTransportTest, FailsUntilTheDriverResets) {
  driver_.Start(kAll, ring_.layout());
  OnIo([this] {
    log_.host->Fail("it did wrong");
    log_.host->Fail("and once more");
  });
  EXPECT_EQ(driver_.Read(MmioRegister::kStatus), kReady | kStatusNeedsReset);
  EXPECT_EQ(driver_.Read(MmioRegister::kInterruptStatus), kInterruptConfigChange);
  driver_.Write(MmioRegister::kQueueNotify, 0);
  Settle();
  EXPECT_EQ(log_.kicks, 0);
  EXPECT_THAT(events_, ElementsAre(HasSubstr("it did wrong")));
  driver_.Reset();
  EXPECT_EQ(driver_.Read(MmioRegister::kStatus), 0U);
  driver_.Start(kAll, ring_.layout());
  driver_.Write(MmioRegister::kQueueNotify, 0);
  log_.kicks.wait(0);
}

TEST_F(MmioTransportTest, TellsSoManyEventsAndNoMore) {
  driver_.Start(kAll, ring_.layout());
  OnIo([this] {
    for (unsigned i = 0; i < 2 * MmioTransport::kMaxEvents; ++i) {
      log_.host->Report(DeviceEvent::kTrouble, "again");
    }
  });
  EXPECT_THAT(events_, SizeIs(MmioTransport::kMaxEvents));
  EXPECT_THAT(events_.back(), HasSubstr("further events"));
}

TEST_F(MmioTransportTest, InterruptsAndAcknowledges) {
  driver_.Start(kAll, ring_.layout());
  OnIo([this] { log_.host->InterruptForQueue(); });
  EXPECT_EQ(edges_, 1);
  EXPECT_EQ(driver_.Read(MmioRegister::kInterruptStatus), kInterruptUsedBuffer);
  driver_.Write(MmioRegister::kInterruptAck, kInterruptUsedBuffer);
  EXPECT_EQ(driver_.Read(MmioRegister::kInterruptStatus), 0U);
}

TEST_F(MmioTransportTest, ChangesOfTheConfigurationChangeItsGeneration) {
  driver_.Start(kAll, ring_.layout());
  const uint32_t before = driver_.Read(MmioRegister::kConfigGeneration);
  OnIo([this] { log_.host->ConfigChanged(); });
  EXPECT_NE(driver_.Read(MmioRegister::kConfigGeneration), before);
  EXPECT_EQ(driver_.Read(MmioRegister::kInterruptStatus), kInterruptConfigChange);
}

TEST_F(MmioTransportTest, KicksAgainWhenAsked) {
  driver_.Start(kAll, ring_.layout());
  OnIo([this] { log_.host->KickAgain(0); });
  log_.kicks.wait(0);
  EXPECT_EQ(log_.kicks, 1);
}

TEST_F(MmioTransportTest, IsQuietForGoodAfterQuiesce) {
  driver_.Start(kAll, ring_.layout());
  transport_->Quiesce();
  EXPECT_EQ(log_.resets, 1);
  EXPECT_EQ(log_.shutdowns, 1);
  driver_.Write(MmioRegister::kQueueNotify, 0);
  driver_.Start(kAll, ring_.layout());
  Settle();
  EXPECT_EQ(log_.kicks, 0);
  EXPECT_EQ(log_.activations, 1);
  transport_->Quiesce();
  EXPECT_EQ(log_.shutdowns, 1);
}

TEST_F(MmioTransportTest, SeveralVcpusAtOnce) {
  std::array<std::thread, 3> vcpus;
  for (std::thread& vcpu : vcpus) {
    vcpu = std::thread([this] {
      for (int round = 0; round < 300; ++round) {
        driver_.Start(kAll, ring_.layout());
        driver_.Write(MmioRegister::kQueueNotify, 0);
        driver_.Reset();
      }
    });
  }
  for (std::thread& vcpu : vcpus) vcpu.join();
  driver_.Reset();
  EXPECT_EQ(log_.activations, log_.resets);
}

}  // namespace
}  // namespace mayfly::virtio
