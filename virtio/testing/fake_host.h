#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "virtio/core/device_host.h"

namespace mayfly::virtio {

// A transport that remembers what a device asked for.
class FakeHost final : public DeviceHost {
 public:
  unsigned queue_interrupts = 0;
  unsigned config_changes = 0;
  std::vector<uint16_t> kicked_again;
  std::vector<std::string> failures;
  std::vector<std::string> reports;
  std::vector<DeviceEvent> kinds;  // of the reports

  void InterruptForQueue() override { ++queue_interrupts; }
  void ConfigChanged() override { ++config_changes; }
  void KickAgain(uint16_t queue) override { kicked_again.push_back(queue); }
  void Fail(std::string what) override { failures.push_back(std::move(what)); }
  void Report(DeviceEvent event, std::string what) override {
    kinds.push_back(event);
    reports.push_back(std::move(what));
  }
};

}  // namespace mayfly::virtio
