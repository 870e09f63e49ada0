#include "virtio/block/overlay/overlay_upper.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/file_io.h"
#include "base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/block/block_backend.h"

namespace mayfly::virtio {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint64_t kCapacity = 100 * kOverlayCluster + kSectorSize;
constexpr BaseIdentity kBase = {.capacity = kCapacity, .modified = 12345, .sample = 678};

class OverlayUpperTest : public ::testing::Test {
 protected:
  OverlayUpperTest() {
    const int fd = ::mkstemp(path_.data());
    EXPECT_GE(fd, 0);
    ::close(fd);
  }
  void TearDown() override { ::unlink(path_.c_str()); }

  [[nodiscard]] OwnedFd OpenFile(int flags = O_RDWR) const {
    return OwnedFd(::open(path_.c_str(), flags | O_CLOEXEC));
  }
  [[nodiscard]] auto Open(const BaseIdentity& identity = kBase) const {
    return OverlayUpper::Open(OpenFile(), identity, "layer");
  }
  void Make() const { ASSERT_TRUE(Open().ok()); }
  // Of the header in the file, which gets a good checksum again.
  template <typename Change>
  void ChangeHeader(Change change) const {
    const OwnedFd file = OpenFile();
    OverlayHeader header;
    ASSERT_TRUE(ReadFully(file.get(), 0, std::as_writable_bytes(std::span(&header, 1))).ok());
    change(header);
    ASSERT_TRUE(WriteOverlayHeader(file.get(), header).ok());
  }
  void WriteAt(uint64_t offset, size_t size) const {
    const std::vector<std::byte> data(size, std::byte{0x55});
    ASSERT_TRUE(WriteFully(OpenFile().get(), offset, data).ok());
  }
  static void ExpectRefusal(const absl::Status& status, absl::StatusCode code, const char* why) {
    EXPECT_EQ(status.code(), code);
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("\"layer\""), HasSubstr(why)));
  }

  std::string path_ = ::testing::TempDir() + "/overlay_XXXXXX";
};

TEST_F(OverlayUpperTest, AnEmptyFileBecomesAnUpper) {
  const OverlayUpper upper = Open().value();
  EXPECT_EQ(upper.contents.layout.capacity, kCapacity);
  EXPECT_EQ(upper.contents.map.used_bytes(), 0U);
  struct stat info {};
  ASSERT_EQ(::fstat(upper.file.get(), &info), 0);
  EXPECT_EQ(static_cast<uint64_t>(info.st_size), upper.contents.layout.size());
}

// Whatever the size of the disk, the same few blocks are stored.
TEST_F(OverlayUpperTest, IsMadeAtTheSameCostForAnyDisk) {
  std::vector<blkcnt_t> blocks;
  for (const uint64_t capacity : {uint64_t{1} << 20, uint64_t{100} << 30, uint64_t{8} << 40}) {
    ASSERT_EQ(::truncate(path_.c_str(), 0), 0);
    const auto upper = OverlayUpper::Open(OpenFile(), {.capacity = capacity}, "layer");
    ASSERT_TRUE(upper.ok()) << upper.status();
    struct stat info {};
    ASSERT_EQ(::fstat(upper->file.get(), &info), 0);
    blocks.push_back(info.st_blocks);
  }
  EXPECT_EQ(blocks[0], blocks[1]);
  EXPECT_EQ(blocks[0], blocks[2]);
}

TEST_F(OverlayUpperTest, InMemoryItTakesNothingForAnyDisk) {
  const OverlayUpper upper = OverlayUpper::InMemory(kOverlayMaxCapacity).value();
  struct stat info {};
  ASSERT_EQ(::fstat(upper.file.get(), &info), 0);
  EXPECT_EQ(info.st_blocks, 0);
  EXPECT_THAT(OverlayUpper::InMemory(kOverlayMaxCapacity + kSectorSize).status().message(),
              HasSubstr("larger than 16 TiB"));
}

TEST_F(OverlayUpperTest, OpensAgain) {
  Make();
  EXPECT_TRUE(Open().ok());
  EXPECT_TRUE(
      OverlayUpper::OpenForWork(OpenFile(O_RDONLY), OverlayUpper::Work::kLook, "layer").ok());
}

// Killed between giving the file its size and writing the header.
TEST_F(OverlayUpperTest, OpensWhatWasHalfMade) {
  ASSERT_EQ(::truncate(path_.c_str(), static_cast<off_t>(OverlayLayout::OfFile(kCapacity).size())),
            0);
  EXPECT_TRUE(Open().ok());
}

TEST_F(OverlayUpperTest, RefusesASecondUser) {
  const OverlayUpper first = Open().value();
  ExpectRefusal(Open().status(), absl::StatusCode::kFailedPrecondition, "in use by another VM");
  ExpectRefusal(
      OverlayUpper::OpenForWork(OpenFile(O_RDONLY), OverlayUpper::Work::kLook, "layer").status(),
      absl::StatusCode::kFailedPrecondition, "in use by another VM");
}

TEST_F(OverlayUpperTest, RefusesAnotherBase) {
  Make();
  BaseIdentity other = kBase;
  other.capacity += kSectorSize;
  ExpectRefusal(Open(other).status(), absl::StatusCode::kFailedPrecondition, "bytes, and this one");
  other = kBase;
  ++other.sample;
  ExpectRefusal(Open(other).status(), absl::StatusCode::kFailedPrecondition, "another image");
  other = kBase;
  ++other.modified;
  ExpectRefusal(Open(other).status(), absl::StatusCode::kFailedPrecondition, "modification time");
}

TEST_F(OverlayUpperTest, RefusesWhatIsNoUpper) {
  WriteAt(0, 20);
  ExpectRefusal(Open().status(), absl::StatusCode::kInvalidArgument, "no overlay");
  WriteAt(0, 100'000);
  ExpectRefusal(Open().status(), absl::StatusCode::kInvalidArgument, "no overlay");
  ExpectRefusal(OverlayUpper::Open(OwnedFd(::open("/dev/null", O_RDWR)), kBase, "layer").status(),
                absl::StatusCode::kInvalidArgument, "not a regular file");
  // A file of another's is not touched.
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_size, 100'000);
}

TEST_F(OverlayUpperTest, RefusesADescriptorForReading) {
  Make();
  ExpectRefusal(OverlayUpper::Open(OpenFile(O_RDONLY), kBase, "layer").status(),
                absl::StatusCode::kPermissionDenied, "reading and writing");
}

TEST_F(OverlayUpperTest, RefusesADamagedHeader) {
  Make();
  WriteAt(offsetof(OverlayHeader, capacity), 1);
  ExpectRefusal(Open().status(), absl::StatusCode::kDataLoss, "header is damaged");
}

TEST_F(OverlayUpperTest, RefusesOtherFormats) {
  Make();
  ChangeHeader([](OverlayHeader& header) { header.version = 9; });
  ExpectRefusal(Open().status(), absl::StatusCode::kInvalidArgument, "format 9");
  ChangeHeader([](OverlayHeader& header) { header = {.cluster_size = 512}; });
  ExpectRefusal(Open().status(), absl::StatusCode::kInvalidArgument, "clusters of 512");
}

TEST_F(OverlayUpperTest, RefusesCapacitiesThatThereAreNot) {
  Make();
  for (const uint64_t capacity : {uint64_t{0}, kOverlayMaxCapacity + 1, ~uint64_t{0}}) {
    ChangeHeader([&](OverlayHeader& header) { header.capacity = capacity; });
    ExpectRefusal(Open().status(), absl::StatusCode::kDataLoss, "which no disk has");
  }
}

TEST_F(OverlayUpperTest, RefusesWhatWasCutOff) {
  Make();
  ASSERT_EQ(::truncate(path_.c_str(), 20'000), 0);
  ExpectRefusal(Open().status(), absl::StatusCode::kDataLoss, "has 20000 bytes");
}

TEST_F(OverlayUpperTest, RefusesADamagedMap) {
  Make();
  const std::array all = {std::byte{0xff}};
  ASSERT_TRUE(WriteFully(OpenFile().get(), OverlayLayout::PageOffset(0), all).ok());
  ExpectRefusal(Open().status(), absl::StatusCode::kDataLoss, "map is damaged");
}

TEST_F(OverlayUpperTest, GivesBackWhatAKilledUserDidNotFlush) {
  Make();  // and goes without a word
  const OverlayLayout layout = OverlayLayout::OfFile(kCapacity);
  WriteAt(layout.data_offset + 5 * kOverlayCluster, 20 * kOverlayCluster);
  const std::array known = {std::byte{0}, std::byte{0b0000'0101}};  // clusters 4 and 5 are data
  ASSERT_TRUE(WriteFully(OpenFile().get(), OverlayLayout::PageOffset(0), known).ok());
  const OverlayUpper upper = Open().value();
  EXPECT_EQ(upper.contents.map.data_clusters(), 2U);
  const auto at = [&](uint64_t cluster) {
    std::array<std::byte, 1> byte{};
    EXPECT_TRUE(
        ReadFully(upper.file.get(), layout.data_offset + cluster * kOverlayCluster, byte).ok());
    return byte[0];
  };
  EXPECT_EQ(at(5), std::byte{0x55});
  EXPECT_EQ(at(6), std::byte{0});
  EXPECT_EQ(at(24), std::byte{0});
}

}  // namespace
}  // namespace mayfly::virtio
