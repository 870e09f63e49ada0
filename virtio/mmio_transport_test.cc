#include "virtio/mmio_transport.h"

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/testing/driver_ring.h"
#include "virtio/testing/guest_ram.h"
#include "virtio/testing/mmio_driver.h"

namespace mayfly::virtio {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint16_t kQueueSize = 64;
constexpr uint64_t kRing = 0x1000;
constexpr uint64_t kDeviceFeature = FeatureBit(3);
constexpr uint64_t kAll = kRingFeatures | kDeviceFeature;
constexpr uint32_t kReady =
    kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk | kStatusDriverOk;

// Two queues, four bytes of configuration, and a memory of what the transport did with it.
class RecordingDevice final : public Device {
 public:
  struct Log {
    std::atomic<int> activations = 0;
    std::atomic<int> kicks = 0;
    std::atomic<int> resets = 0;
    std::atomic<int> shutdowns = 0;
    std::atomic<uint64_t> features = 0;
    std::atomic<uint64_t> refused_features = 0;
    std::atomic<bool> second_queue_active = false;
    std::thread::id thread;
    DeviceHost* host = nullptr;
    std::array<std::byte, 4> config = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  };
  explicit RecordingDevice(Log& log) : log_(log) {}

  [[nodiscard]] DeviceType type() const override { return DeviceType::kBlock; }
  [[nodiscard]] uint64_t features() const override { return kDeviceFeature; }
  [[nodiscard]] bool Accepts(uint64_t features) const override {
    return features != log_.refused_features;
  }
  [[nodiscard]] std::span<const uint16_t> queue_max_sizes() const override { return kSizes; }
  void ReadConfig(uint64_t offset, std::span<std::byte> out) override {
    for (std::byte& byte : out) {
      if (offset < log_.config.size()) byte = log_.config.at(offset);
      ++offset;
    }
  }
  void WriteConfig(uint64_t offset, std::span<const std::byte> data) override {
    for (const std::byte byte : data) {
      if (offset < log_.config.size()) log_.config.at(offset) = byte;
      ++offset;
    }
  }
  void Activate(uint64_t features, std::span<Queue> queues, DeviceHost& host) override {
    log_.thread = std::this_thread::get_id();
    log_.features = features;
    log_.second_queue_active = queues[1].active();
    log_.host = &host;
    ++log_.activations;
  }
  void OnKick(uint16_t /*queue*/) override {
    ++log_.kicks;
    log_.kicks.notify_all();
  }
  void Reset() override { ++log_.resets; }
  void Shutdown() override { ++log_.shutdowns; }

 private:
  static constexpr std::array<uint16_t, 2> kSizes = {kQueueSize, 16};
  Log& log_;
};

class MmioTransportTest : public ::testing::Test {
 protected:
  MmioTransportTest() : thread_([this] { loop_->Run(); }) { Settle(); }
  void TearDown() override {
    loop_->Stop();
    thread_.join();
  }
  std::unique_ptr<MmioTransport> MakeTransport() {
    MmioTransport::Options options;
    options.name = "test device";
    options.on_first_kick = [this] { ++first_kicks_; };
    options.on_event = [this](std::string text) { events_.push_back(std::move(text)); };
    auto transport = MmioTransport::Create(std::make_unique<RecordingDevice>(log_), memory_, *loop_,
                                           std::move(options))
                         .value();
    transport->ConnectInterrupt([this] { ++edges_; });
    return transport;
  }
  // Waits until the io thread has gone through what waits for it now.
  void Settle() const {
    // The eventfds of kicks are looked at after posted work: twice round the loop.
    std::promise<void> done;
    loop_->Post([&] { loop_->Post([&] { loop_->Post([&] { done.set_value(); }); }); });
    done.get_future().wait();
  }
  void OnIo(const EventLoop::Work& work) const { loop_->RunSync(work); }
  [[nodiscard]] uint64_t ReadAt(uint64_t offset, size_t width) const {
    uint64_t value = ~uint64_t{0};
    transport_->Read(offset, std::as_writable_bytes(std::span(&value, 1)).first(width));
    return width == sizeof value ? value : value & ((uint64_t{1} << (width * 8)) - 1);
  }
  void WriteAt(uint64_t offset, uint64_t value, size_t width) const {
    transport_->Write(offset, std::as_bytes(std::span(&value, 1)).first(width));
  }

  const GuestMemory memory_ = MakeGuestRam();
  DriverRing ring_{memory_, kRing, kQueueSize};
  RecordingDevice::Log log_;
  int first_kicks_ = 0;
  int edges_ = 0;  // of the interrupt
  std::vector<std::string> events_;
  const std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  const std::unique_ptr<MmioTransport> transport_ = MakeTransport();
  const MmioDriver driver_{*transport_};
  std::thread thread_;
};

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
    for (unsigned i = 0; i < 2 * MmioTransport::kMaxEvents; ++i) log_.host->Report("again");
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
