#include "base/guest_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <numeric>
#include <utility>
#include <vector>

#include "base/file_io.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using testing::HasSubstr;

constexpr uint64_t kMax = ~uint64_t{0};
constexpr uint64_t kHighBase = uint64_t{4} << 30;
constexpr std::array<GuestRange, 2> kLowAndHigh = {
    GuestRange{.address = 0, .size = 16 * kPageSize},
    GuestRange{.address = kHighBase, .size = 4 * kPageSize},
};
constexpr GuestMemory::Options kReserved = {.backing = GuestMemory::Backing::kMemfd,
                                            .pages = GuestMemory::Pages::kHugeTlb};

GuestMemory MakeMemory(const GuestMemory::Options& options = {}) {
  return GuestMemory::Create(kLowAndHigh, options).value();
}

TEST(GuestMemory, KeepsWhatIsWritten) {
  const GuestMemory memory = MakeMemory();
  ASSERT_TRUE(memory.Store<uint32_t>(kHighBase + 6, 0x12345678).ok());
  EXPECT_EQ(memory.Load<uint32_t>(kHighBase + 6).value(), 0x12345678U);
  EXPECT_EQ(memory.Load<uint16_t>(kHighBase + 8).value(), 0x1234U);
  EXPECT_EQ(memory.size(), 20 * kPageSize);
}

TEST(GuestMemory, TheLastByteIsInAndTheNextIsOut) {
  const GuestMemory memory = MakeMemory();
  const uint64_t end = 16 * kPageSize;
  EXPECT_TRUE(memory.Store<uint8_t>(end - 1, 1).ok());
  EXPECT_FALSE(memory.Store<uint8_t>(end, 1).ok());
  EXPECT_FALSE(memory.Store<uint16_t>(end - 1, 1).ok());
  EXPECT_FALSE(memory.Store<uint8_t>(kHighBase - 1, 1).ok());
  EXPECT_NE(memory.TryTranslate(end, 0), nullptr);
  EXPECT_EQ(memory.TryTranslate(end + 1, 0), nullptr);
}

TEST(GuestMemory, NothingWraps) {
  const GuestMemory memory = MakeMemory();
  for (const uint64_t address : {uint64_t{0}, uint64_t{1}, kHighBase, kMax - 1, kMax}) {
    for (const uint64_t size : {kMax, kMax - 1, kMax - kHighBase + 1, kHighBase + kPageSize}) {
      EXPECT_FALSE(memory.Span(address, size).ok()) << address << " " << size;
    }
  }
}

TEST(GuestMemory, AnErrorNamesTheRange) {
  EXPECT_THAT(MakeMemory().Span(0x100000, 512).status().message(),
              HasSubstr("512 bytes at guest address 0x100000"));
}

TEST(GuestMemory, AFailedWriteChangesNothing) {
  const GuestMemory memory = MakeMemory();
  const std::vector<std::byte> data(2 * kPageSize, std::byte{0xff});
  EXPECT_FALSE(memory.Write(15 * kPageSize, data).ok());
  EXPECT_EQ(memory.Load<uint8_t>(15 * kPageSize).value(), 0);
}

TEST(GuestMemory, FillAndSpan) {
  const GuestMemory memory = MakeMemory();
  ASSERT_TRUE(memory.Fill(100, 50, std::byte{7}).ok());
  EXPECT_THAT(memory.Span(100, 50).value(), testing::Each(std::byte{7}));
  EXPECT_EQ(memory.Load<uint8_t>(150).value(), 0);
}

TEST(GuestMemory, BadRangesAreRefused) {
  const std::vector<std::vector<GuestRange>> bad = {
      {},
      {{.address = 0, .size = 0}},
      {{.address = 1, .size = kPageSize}},
      {{.address = 0, .size = kPageSize + 1}},
      {{.address = kPageSize, .size = kPageSize}, {.address = 0, .size = kPageSize}},
      {{.address = 0, .size = 2 * kPageSize}, {.address = kPageSize, .size = kPageSize}},
      {{.address = kMax - kPageSize + 1, .size = 2 * kPageSize}},
  };
  for (const auto& ranges : bad) EXPECT_FALSE(GuestMemory::Create(ranges, {}).ok());
}

TEST(GuestMemory, MemoryBeyondTheHostIsARemediableError) {
  const std::array<GuestRange, 1> huge = {GuestRange{.address = 0, .size = uint64_t{1} << 50}};
  const absl::Status status = GuestMemory::Create(huge, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("ask for less"));
}

TEST(GuestMemory, AMemfdIsSharedWithItsMappers) {
  const GuestMemory memory = MakeMemory({.backing = GuestMemory::Backing::kMemfd});
  ASSERT_TRUE(memory.Store<uint32_t>(kHighBase, 42).ok());
  const GuestMemory::Region& high = memory.regions()[1];
  uint32_t seen = 0;
  ASSERT_TRUE(
      ReadFully(high.memfd, high.memfd_offset, std::as_writable_bytes(std::span(&seen, 1))).ok());
  EXPECT_EQ(seen, 42U);
}

TEST(GuestMemory, HugePagesNeedAMemfd) {
  const GuestMemory::Options options = {.pages = GuestMemory::Pages::kHugeTlb};
  EXPECT_THAT(GuestMemory::Create(kLowAndHigh, options).status().message(), HasSubstr("memfd"));
}

// At once, and not by SIGBUS when the guest first touches what is not there.
TEST(GuestMemory, TooFewReservedHugePagesAreARemediableError) {
  const std::array<GuestRange, 1> range = {GuestRange{.address = 0, .size = uint64_t{1} << 40}};
  const absl::Status status = GuestMemory::Create(range, kReserved).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(status.message(), HasSubstr("vm.nr_hugepages"));
}

TEST(GuestMemory, ReservedHugePagesAreWholeOnes) {
  const std::array<GuestRange, 1> range = {GuestRange{.address = 0, .size = 9 << 20}};
  const absl::Status status = GuestMemory::Create(range, kReserved).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(status.message(), HasSubstr("ask for a multiple, such as 10 MiB"));
}

TEST(GuestMemory, TransparentHugePages) {
  const std::array<GuestRange, 1> range = {GuestRange{.address = 0, .size = uint64_t{4} << 20}};
  const auto memory = GuestMemory::Create(range, {.pages = GuestMemory::Pages::kTransparentHuge});
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_TRUE(memory->Store<uint8_t>(0, 1).ok());
}

}  // namespace
}  // namespace mayfly
