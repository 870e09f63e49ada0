// Registers, and the way from a reset to a device that works.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/testing/mmio_transport_fixture.h"

namespace mayfly::virtio {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(MmioTransportTest, SaysWhatItIs) {
  EXPECT_EQ(driver_.Read(MmioRegister::kMagicValue), 0x74726976U);
  EXPECT_EQ(driver_.Read(MmioRegister::kVersion), 2U);
  EXPECT_EQ(driver_.Read(MmioRegister::kDeviceId), 2U);
  EXPECT_EQ(driver_.Read(MmioRegister::kVendorId), kMmioVendor);
  EXPECT_EQ(driver_.OfferedFeatures(), kAll);
  EXPECT_EQ(driver_.Read(MmioRegister::kShmLenLow), 0xffffffffU);
  EXPECT_EQ(transport_->queue_count(), 2);
}

TEST_F(MmioTransportTest, OffersNoFeaturesBeyondTheSecondWord) {
  driver_.Write(MmioRegister::kDeviceFeaturesSel, 2);
  EXPECT_EQ(driver_.Read(MmioRegister::kDeviceFeatures), 0U);
  driver_.Write(MmioRegister::kDeviceFeaturesSel, 0xffffffff);
  EXPECT_EQ(driver_.Read(MmioRegister::kDeviceFeatures), 0U);
}

TEST_F(MmioTransportTest, TellsTheSizeOfEachQueue) {
  EXPECT_EQ(driver_.Read(MmioRegister::kQueueNumMax), kQueueSize);
  driver_.Write(MmioRegister::kQueueSel, 1);
  EXPECT_EQ(driver_.Read(MmioRegister::kQueueNumMax), 16U);
  for (const uint32_t missing : {2U, 0x10000U, 0xffffffffU}) {
    driver_.Write(MmioRegister::kQueueSel, missing);
    EXPECT_EQ(driver_.Read(MmioRegister::kQueueNumMax), 0U);
    EXPECT_EQ(driver_.Read(MmioRegister::kQueueReady), 0U);
    driver_.Write(MmioRegister::kQueueReady, 1);
  }
}

TEST_F(MmioTransportTest, RegistersAreReachedByAligned32BitAccessesOnly) {
  for (uint64_t offset = 0; offset < kMmioConfigOffset; ++offset) {
    for (const size_t width : {1U, 2U, 8U}) {
      EXPECT_EQ(ReadAt(offset, width), 0U) << offset;
      WriteAt(offset, ~uint64_t{0}, width);
    }
    if (offset % 4 == 0) continue;
    EXPECT_EQ(ReadAt(offset, 4), 0U) << offset;
    WriteAt(offset, ~uint64_t{0}, 4);
  }
  EXPECT_EQ(driver_.Read(MmioRegister::kStatus), 0U);
  EXPECT_EQ(log_.activations, 0);
}

TEST_F(MmioTransportTest, ConfigurationIsReachedByAnyWidth) {
  EXPECT_EQ(ReadAt(kMmioConfigOffset, 4), 0x04030201U);
  EXPECT_EQ(ReadAt(kMmioConfigOffset + 1, 2), 0x0302U);
  EXPECT_EQ(ReadAt(kMmioConfigOffset + 3, 1), 4U);
  EXPECT_EQ(ReadAt(kMmioConfigOffset + 2, 8), 0x0403U) << "zero beyond its end";
  EXPECT_EQ(ReadAt(kMmioSize - 8, 8), 0U);
  WriteAt(kMmioConfigOffset + 1, 0xaabb, 2);
  EXPECT_EQ(ReadAt(kMmioConfigOffset, 4), 0x04aabb01U);
}

TEST_F(MmioTransportTest, StartsADriverThatDoesAsItShould) {
  EXPECT_EQ(driver_.Start(kAll, ring_.layout()), kReady);
  EXPECT_EQ(log_.activations, 1);
  EXPECT_EQ(log_.features, kAll);
  EXPECT_FALSE(log_.second_queue_active);
  EXPECT_EQ(log_.thread, thread_.get_id()) << "on the io thread";
  EXPECT_EQ(driver_.Read(MmioRegister::kQueueReady), 1U);
  EXPECT_THAT(events_, IsEmpty());
}

TEST_F(MmioTransportTest, TakesSeveralStepsInOneWrite) {
  driver_.Write(MmioRegister::kStatus, kStatusAcknowledge | kStatusDriver);
  driver_.AcceptFeatures(kFeatureVersion1);
  EXPECT_EQ(driver_.AddStatus(kStatusFeaturesOk | kStatusDriverOk), kReady);
  EXPECT_EQ(log_.activations, 1);
}

TEST_F(MmioTransportTest, RefusesFeaturesThatWereNotOffered) {
  for (const unsigned bit : {0U, 24U, 33U, 63U}) {
    const uint32_t status = driver_.Negotiate(kAll | FeatureBit(bit));
    EXPECT_EQ(status & kStatusFeaturesOk, 0U) << bit;
    EXPECT_EQ(driver_.AddStatus(kStatusDriverOk) & kStatusDriverOk, 0U);
  }
  EXPECT_EQ(log_.activations, 0);
}

TEST_F(MmioTransportTest, RefusesFeaturesBeyondTheSecondWord) {
  driver_.Write(MmioRegister::kStatus, kStatusAcknowledge | kStatusDriver);
  driver_.AcceptFeatures(kAll);
  driver_.Write(MmioRegister::kDriverFeaturesSel, 0x80000001);
  driver_.Write(MmioRegister::kDriverFeatures, 1);
  EXPECT_EQ(driver_.AddStatus(kStatusFeaturesOk) & kStatusFeaturesOk, 0U);
}

TEST_F(MmioTransportTest, RefusesADriverOfTheOldInterface) {
  EXPECT_EQ(driver_.Negotiate(kDeviceFeature) & kStatusFeaturesOk, 0U);
}

TEST_F(MmioTransportTest, RefusesFeaturesThatTheDeviceDoesNotTakeTogether) {
  log_.refused_features = kAll;
  EXPECT_EQ(driver_.Negotiate(kAll) & kStatusFeaturesOk, 0U);
  EXPECT_NE(driver_.Negotiate(kAll & ~kDeviceFeature) & kStatusFeaturesOk, 0U);
}

TEST_F(MmioTransportTest, LetsADriverTryOtherFeaturesAfterARefusal) {
  driver_.Negotiate(kAll | FeatureBit(0));
  driver_.AcceptFeatures(kAll);
  EXPECT_NE(driver_.AddStatus(kStatusFeaturesOk) & kStatusFeaturesOk, 0U);
}

TEST_F(MmioTransportTest, KeepsFeaturesOnceAgreedOn) {
  driver_.Negotiate(kAll);
  driver_.AcceptFeatures(0);
  driver_.AddStatus(kStatusDriverOk);
  EXPECT_EQ(log_.features, kAll);
}

TEST_F(MmioTransportTest, IgnoresFeaturesBeforeTheDriverBit) {
  driver_.Write(MmioRegister::kStatus, kStatusAcknowledge);
  driver_.AcceptFeatures(kAll);
  driver_.AddStatus(kStatusDriver);
  EXPECT_EQ(driver_.AddStatus(kStatusFeaturesOk) & kStatusFeaturesOk, 0U);
}

TEST_F(MmioTransportTest, TakesNoStepBeforeThoseItNeeds) {
  driver_.Write(MmioRegister::kStatus, kStatusDriverOk);
  EXPECT_EQ(driver_.Read(MmioRegister::kStatus), 0U);
  driver_.Write(MmioRegister::kStatus, kStatusDriver | kStatusFeaturesOk);
  EXPECT_EQ(driver_.Read(MmioRegister::kStatus), 0U);
  driver_.Write(MmioRegister::kStatus, kStatusAcknowledge | kStatusFeaturesOk);
  EXPECT_EQ(driver_.Read(MmioRegister::kStatus), kStatusAcknowledge);
}

TEST_F(MmioTransportTest, TakesNoStatusBitBack) {
  driver_.Start(kAll, ring_.layout());
  driver_.Write(MmioRegister::kStatus, kStatusAcknowledge);
  EXPECT_EQ(driver_.Read(MmioRegister::kStatus), kReady);
  EXPECT_EQ(log_.resets, 0);
}

TEST_F(MmioTransportTest, IgnoresStatusBitsThatAreNotTheDrivers) {
  driver_.Write(MmioRegister::kStatus, kStatusAcknowledge | kStatusNeedsReset | 0xffff0010);
  EXPECT_EQ(driver_.Read(MmioRegister::kStatus), kStatusAcknowledge);
}

TEST_F(MmioTransportTest, IgnoresQueueSetUpBeforeFeaturesOk) {
  driver_.Write(MmioRegister::kStatus, kStatusAcknowledge | kStatusDriver);
  driver_.SetUpQueue(0, ring_.layout());
  EXPECT_EQ(driver_.Read(MmioRegister::kQueueReady), 0U);
}

TEST_F(MmioTransportTest, IgnoresQueueSetUpWhileLive) {
  driver_.Start(kAll, ring_.layout());
  driver_.Write(MmioRegister::kQueueReady, 0);
  EXPECT_EQ(driver_.Read(MmioRegister::kQueueReady), 1U);
  driver_.SetUpQueue(1, ring_.layout());
  EXPECT_EQ(driver_.Read(MmioRegister::kQueueReady), 0U);
}

TEST_F(MmioTransportTest, LetsAQueueBeSetUpAnewBeforeDriverOk) {
  driver_.Negotiate(kAll);
  driver_.SetUpQueue(0, {.size = 3, .descriptors = 1, .available = 1, .used = 1});
  driver_.Write(MmioRegister::kQueueReady, 0);
  driver_.SetUpQueue(0, ring_.layout());
  EXPECT_EQ(driver_.AddStatus(kStatusDriverOk), kReady);
  EXPECT_EQ(log_.activations, 1);
}

TEST_F(MmioTransportTest, KeepsTheLayoutOfAQueueThatIsReady) {
  driver_.Negotiate(kAll);
  driver_.SetUpQueue(0, ring_.layout());
  driver_.SetUpQueue(0, {.size = 3, .descriptors = 1, .available = 1, .used = 1});
  EXPECT_EQ(driver_.AddStatus(kStatusDriverOk), kReady);
}

TEST_F(MmioTransportTest, NeedsAResetForAQueueThatCannotBe) {
  QueueLayout layout = ring_.layout();
  layout.used = kHole;
  EXPECT_EQ(driver_.Start(kAll, layout), kReady | kStatusNeedsReset);
  EXPECT_EQ(log_.activations, 0);
  EXPECT_EQ(driver_.Read(MmioRegister::kInterruptStatus), kInterruptConfigChange);
  EXPECT_EQ(edges_, 1);
  EXPECT_THAT(events_, ElementsAre(AllOf(HasSubstr("test device"), HasSubstr("queue 0"),
                                         HasSubstr("used ring"), HasSubstr("not all RAM"))));
  EXPECT_EQ(driver_.Start(kAll, ring_.layout()), kReady) << "and works after it";
}

TEST_F(MmioTransportTest, EveryRegisterInEveryStatusTakesAnyValue) {
  for (const uint32_t status : {0U, 1U, 3U, 11U, 15U, 0x8fU}) {
    for (uint64_t offset = 0; offset < kMmioSize; offset += 4) {
      if (offset == static_cast<uint64_t>(MmioRegister::kStatus)) continue;
      driver_.Reset();
      driver_.Write(MmioRegister::kStatus, kStatusAcknowledge | kStatusDriver);
      driver_.AcceptFeatures(kAll);
      driver_.Write(MmioRegister::kStatus, status);
      for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{0xffffffff}}) {
        WriteAt(offset, value, 4);
        EXPECT_EQ(driver_.Read(MmioRegister::kMagicValue), kMmioMagic);
      }
    }
  }
}

}  // namespace
}  // namespace mayfly::virtio
