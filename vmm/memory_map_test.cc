#include "vmm/memory_map.h"

#include "base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vmm/layout.h"

namespace mayfly::vmm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Refusal(uint64_t bytes) {
  return std::string(ToStd(RamRanges(bytes).status().message()));
}

TEST(RamRangesTest, ASmallMemoryIsOneRange) {
  EXPECT_THAT(*RamRanges(layout::kMinMemory),
              ElementsAre(GuestRange{.address = 0, .size = layout::kMinMemory}));
}

TEST(RamRangesTest, UpToTheHoleIsOneRange) {
  EXPECT_THAT(*RamRanges(layout::kHole),
              ElementsAre(GuestRange{.address = 0, .size = layout::kHole}));
}

TEST(RamRangesTest, BeyondTheHoleGoesAboveIt) {
  EXPECT_THAT(*RamRanges(layout::kHole + kPageSize),
              ElementsAre(GuestRange{.address = 0, .size = layout::kHole},
                          GuestRange{.address = layout::kHoleEnd, .size = kPageSize}));
}

TEST(RamRangesTest, RefusesTooLittleTooMuchAndFractionsOfPages) {
  EXPECT_THAT(Refusal(0), HasSubstr("at least 8 MiB"));
  EXPECT_THAT(Refusal(layout::kMinMemory - kPageSize), HasSubstr("at least 8 MiB"));
  EXPECT_THAT(Refusal(layout::kMaxMemory + kPageSize), HasSubstr("ask for less"));
  EXPECT_THAT(Refusal(UINT64_MAX), HasSubstr("ask for less"));
  EXPECT_THAT(Refusal(layout::kMinMemory + 1), HasSubstr("such as 8388608"));
}

TEST(MemoryMapTest, TellsRamAndFirmwareTables) {
  const auto memory = GuestMemory::Create(*RamRanges(layout::kHole + layout::kMiB), {});
  ASSERT_TRUE(memory.ok());
  const auto ram = [](uint64_t begin, uint64_t end) {
    return MemoryMapEntry{.range = {.address = begin, .size = end - begin},
                          .kind = MemoryKind::kRam};
  };
  EXPECT_THAT(
      MemoryMap(*memory),
      ElementsAre(ram(0, layout::kLowMemoryEnd),
                  MemoryMapEntry{.range = {.address = layout::kFirmwareTables,
                                           .size = layout::kHighMemory - layout::kFirmwareTables},
                                 .kind = MemoryKind::kReserved},
                  ram(layout::kHighMemory, layout::kHole),
                  ram(layout::kHoleEnd, layout::kHoleEnd + layout::kMiB)));
  EXPECT_EQ(LowRamEnd(*memory), layout::kHole);
}

TEST(LayoutTest, TheKernelsPlacesDoNotOverlap) {
  EXPECT_LE(layout::kAcpi + layout::kAcpiSize, layout::kMpTable);
  EXPECT_LE(layout::kMpTable + layout::kMpTableSize, layout::kHighMemory);
  EXPECT_LE(layout::kPageTables + 6 * kPageSize, layout::kCommandLine);
  EXPECT_LE(layout::kVirtioMmio + layout::kMaxVirtioDevices * layout::kVirtioMmioStride,
            layout::kIoapic);
  EXPECT_LE(layout::kIdentityMap + kPageSize, layout::kTss);
  EXPECT_LE(layout::kTss + 3 * kPageSize, layout::kHoleEnd);
}

}  // namespace
}  // namespace mayfly::vmm
