// An overlay whose upper, in memory or in a file, takes a part of what could be written to it.

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "tests/hostile/hostile_test.h"

namespace mayfly::hostile {
namespace {

constexpr uint64_t kCap = uint64_t{256} << 10;

const std::vector<HostileCase> kCases = {
    {.name = "fills_and_discards", .event = "raise the overlay's cap"},
    {.name = "sectors_and_discards", .event = "raise the overlay's cap"},
    {.name = "storm_at_the_cap", .event = "raise the overlay's cap"},
};

class CapTest : public HostileTest {
 protected:
  void Equip(vmm::MachineConfig& config) override {
    config.disks.front().overlay.emplace().cap_bytes = kCap;
  }

  void Meddle() override {
    uint64_t most = 0;
    while (!HasSaid("quiet\n")) {
      most = std::max(most, machine().device_stats().disks.front().overlay_bytes);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_GT(most, 0U);
    EXPECT_LE(most, kCap);
  }
};

class CapOfAFileTest : public CapTest {
 protected:
  void Equip(vmm::MachineConfig& config) override {
    CapTest::Equip(config);
    config.disks.front().overlay->upper = {.fd = OwnedFd(::memfd_create("upper", MFD_CLOEXEC)),
                                           .name = "upper"};
  }
};

TEST_P(CapTest, Survives) { Attack(GetParam()); }
INSTANTIATE_TEST_SUITE_P(CapOfMemory, CapTest, ::testing::ValuesIn(On(Storage::kOverlay, kCases)),
                         CaseName);

TEST_P(CapOfAFileTest, Survives) { Attack(GetParam()); }
INSTANTIATE_TEST_SUITE_P(CapOfAFile, CapOfAFileTest,
                         ::testing::ValuesIn(On(Storage::kOverlay, kCases)), CaseName);

TEST_F(CapTest, NoneIsLeftOut) { ExpectAllListed("cap", kCases); }

}  // namespace
}  // namespace mayfly::hostile
