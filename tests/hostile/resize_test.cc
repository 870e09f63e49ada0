// A disk that its owner makes smaller and larger while the guest has requests on their way, some of
// them held by a rate limit.

#include <unistd.h>

#include <optional>
#include <vector>

#include "tests/hostile/hostile_test.h"

namespace mayfly::hostile {
namespace {

constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kLarge = 8192;
constexpr uint64_t kSmall = kLarge / 2;
constexpr int kRounds = 50;

const std::vector<HostileCase> kCases = {
    // There may be any event: what the host cut off cannot be read.
    {.name = "reads_across_a_new_end", .event = std::nullopt, .cpus = 2, .sectors = kLarge},
    {.name = "writes_across_a_new_end", .event = std::nullopt, .cpus = 2, .sectors = kLarge},
    {.name = "segments_across_a_new_end", .event = std::nullopt, .cpus = 2, .sectors = kLarge},
};

class ResizeTest : public HostileTest {
 protected:
  void Meddle() override {
    ASSERT_NO_FATAL_FAILURE(AwaitOutput("in flight\n"));
    for (int round = 0; round < kRounds; ++round) {
      Resize(kLarge);
      Limit({.operations = {.per_second = 1, .burst = 1}, .bytes = {}});
      Resize(kSmall);
      Limit({});
    }
    LetTheGuestGoOn();
    ASSERT_NO_FATAL_FAILURE(AwaitOutput("smaller\n"));
    Resize(kLarge);
    PutLastSector(attacked_disk(), kLarge);
    LetTheGuestGoOn();
  }

 private:
  void Limit(const virtio::RateLimits& limits) {
    EXPECT_EQ(machine().UpdateDisk(0, limits), absl::OkStatus());
  }
  // A write that was on its way when the file was cut off makes it longer again, so that what the
  // VMM finds may be more than was asked for: once more, then.
  void Resize(uint64_t sectors) {
    absl::StatusOr<uint64_t> bytes = 0;
    while (bytes.ok() && *bytes != sectors * kSectorBytes) {
      ASSERT_EQ(::ftruncate(attacked_disk().get(), static_cast<off_t>(sectors * kSectorBytes)), 0);
      bytes = machine().ResizeDisk(0);
    }
    EXPECT_TRUE(bytes.ok()) << bytes.status();
  }
};

TEST_P(ResizeTest, Survives) { Attack(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Resize, ResizeTest, ::testing::ValuesIn(kCases), CaseName);
INSTANTIATE_TEST_SUITE_P(ResizeSync, ResizeTest,
                         ::testing::ValuesIn(On(Storage::kFileSync, kCases)), CaseName);

TEST_F(ResizeTest, NoneIsLeftOut) { ExpectAllListed("resize", kCases); }

}  // namespace
}  // namespace mayfly::hostile
