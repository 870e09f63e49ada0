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
  EXPECT_TRUE(memory.Contains(end, 0));
  EXPECT_FALSE(memory.Contains(end + 1, 0));
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

TEST(GuestMemory, TransparentHugePages) {
  const std::array<GuestRange, 1> range = {GuestRange{.address = 0, .size = uint64_t{4} << 20}};
  const auto memory = GuestMemory::Create(range, {.pages = GuestMemory::Pages::kTransparentHuge});
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_TRUE(memory->Store<uint8_t>(0, 1).ok());
}

// A file of `size` bytes, each the low byte of its offset in 251s (a prime: pages differ).
OwnedFd MakePattern(size_t size) {
  OwnedFd file(::memfd_create("pattern", MFD_CLOEXEC));
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i % 251);
  EXPECT_TRUE(WriteFully(file.get(), 0, bytes).ok());
  return file;
}

struct ImageCase {
  uint64_t address;
  uint64_t offset;
  uint64_t size;
};

class MapImageTest : public testing::TestWithParam<ImageCase> {};

TEST_P(MapImageTest, PutsExactlyTheBytesThere) {
  const auto [address, offset, size] = GetParam();
  const OwnedFd file = MakePattern(6 * kPageSize);
  for (const auto backing : {GuestMemory::Backing::kAnonymous, GuestMemory::Backing::kMemfd}) {
    GuestMemory memory = MakeMemory({.backing = backing});
    ASSERT_TRUE(memory.Fill(0, 16 * kPageSize, std::byte{0xff}).ok());
    ASSERT_TRUE(memory.MapImage(address, file.get(), offset, size).ok());
    for (uint64_t i = 0; i < 16 * kPageSize; ++i) {
      const bool within = i >= address && i - address < size;
      const uint64_t expected = within ? (i - address + offset) % 251 : 0xff;
      ASSERT_EQ(memory.Load<uint8_t>(i).value(), expected) << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Alignments, MapImageTest,
    testing::Values(ImageCase{.address = kPageSize, .offset = kPageSize, .size = 3 * kPageSize},
                    ImageCase{.address = 100, .offset = 100, .size = 4 * kPageSize},
                    ImageCase{.address = 100, .offset = kPageSize + 100, .size = 20},
                    ImageCase{.address = 4000, .offset = 4000, .size = 200},
                    ImageCase{.address = 100, .offset = 50, .size = 3 * kPageSize},
                    ImageCase{.address = 0, .offset = 0, .size = 2 * kPageSize + 7},
                    ImageCase{.address = 0, .offset = 0, .size = 0}));

TEST(GuestMemory, MapImageIsCopyOnWrite) {
  const OwnedFd file = MakePattern(2 * kPageSize);
  GuestMemory memory = MakeMemory();
  ASSERT_TRUE(memory.MapImage(0, file.get(), 0, 2 * kPageSize).ok());
  ASSERT_TRUE(memory.Store<uint8_t>(5, 0xee).ok());
  uint8_t in_file = 0;
  ASSERT_TRUE(ReadFully(file.get(), 5, std::as_writable_bytes(std::span(&in_file, 1))).ok());
  EXPECT_EQ(in_file, 5);
}

TEST(GuestMemory, MapImageChecksBothSides) {
  const OwnedFd file = MakePattern(2 * kPageSize);
  GuestMemory memory = MakeMemory();
  EXPECT_FALSE(memory.MapImage(15 * kPageSize, file.get(), 0, 2 * kPageSize).ok());
  EXPECT_THAT(memory.MapImage(0, file.get(), kPageSize, 2 * kPageSize).message(),
              HasSubstr("the file ends at 8192 bytes"));
  EXPECT_FALSE(memory.MapImage(0, file.get(), kMax, 1).ok());
}

}  // namespace
}  // namespace mayfly
