#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <thread>

#include "virtio/core/device.h"
#include "virtio/core/device_host.h"
#include "virtio/protocol/features.h"

namespace mayfly::virtio {

// Two queues, four bytes of configuration, and a memory of what the transport did with it.
class RecordingDevice final : public Device {
 public:
  static constexpr uint16_t kQueueSize = 64;  // of the first queue
  static constexpr uint64_t kFeature = FeatureBit(3);

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
  [[nodiscard]] uint64_t features() const override { return kFeature; }
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

}  // namespace mayfly::virtio
