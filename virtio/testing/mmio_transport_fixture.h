#pragma once

#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/event_loop.h"
#include "base/guest_memory.h"
#include "gtest/gtest.h"
#include "virtio/core/mmio_transport.h"
#include "virtio/testing/driver_ring.h"
#include "virtio/testing/guest_ram.h"
#include "virtio/testing/mmio_driver.h"
#include "virtio/testing/recording_device.h"

namespace mayfly::virtio {

// A device behind a transport, with an io thread of its own.
class MmioTransportTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kRing = 0x1000;
  static constexpr uint16_t kQueueSize = RecordingDevice::kQueueSize;
  static constexpr uint64_t kDeviceFeature = RecordingDevice::kFeature;
  static constexpr uint64_t kAll = kRingFeatures | kDeviceFeature;
  static constexpr uint32_t kReady =
      kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk | kStatusDriverOk;

  MmioTransportTest() : thread_([this] { loop_->Run(); }) { Settle(); }
  void TearDown() override {
    loop_->Stop();
    thread_.join();
  }
  std::unique_ptr<MmioTransport> MakeTransport() {
    MmioTransport::Options options;
    options.name = "test device";
    options.on_first_kick = [this] { ++first_kicks_; };
    options.on_event = [this](DeviceEvent, std::string text) {
      events_.push_back(std::move(text));
    };
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

}  // namespace mayfly::virtio
