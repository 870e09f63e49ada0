#include "virtio/block/overlay/overlay_image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file_io.h"
#include "base/owned_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/block/block_backend.h"
#include "virtio/block/overlay/base_identity.h"
#include "virtio/block/overlay/overlay_upper.h"

namespace mayfly::virtio {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint64_t kClusters = 1000;
constexpr uint64_t kCapacity = kClusters * kOverlayCluster - kSectorSize;
using Bytes = std::vector<std::byte>;

class OverlayImageTest : public ::testing::Test {
 protected:
  OverlayImageTest() {
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
    base_ = OpenFile("base");
    Put(base_, 0, Bytes(kCapacity / 2, std::byte{0xba}));  // and a hole
    EXPECT_EQ(::ftruncate(base_.get(), kCapacity), 0);
    upper_ = OpenFile("upper");
    image_ = OpenFile("image");
    MakeUpper();
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] OwnedFd OpenFile(const std::string& name) const {
    return OwnedFd(::open((directory_ + "/" + name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  }
  static void Put(const OwnedFd& file, uint64_t offset, const Bytes& bytes) {
    ASSERT_TRUE(WriteFully(file.get(), offset, bytes).ok());
  }
  // Clusters 3 to 5 are data, 6 and 7 zeroes, and the last one is data.
  void MakeUpper() const {
    const BaseIdentity identity = BaseIdentity::Of(base_.get(), "base").value();
    OverlayUpper upper = OverlayUpper::Open(OpenFile("upper"), identity, "upper").value();
    OverlayMap& map = upper.contents.map;
    map.Set(3, 6, ClusterState::kData);
    map.Set(6, 8, ClusterState::kZero);
    map.Set(kClusters - 1, kClusters, ClusterState::kData);
    Put(upper_, OverlayLayout::PageOffset(0), Bytes(map.page(0).begin(), map.page(0).end()));
    const uint64_t data = upper.contents.layout.data_offset;
    Put(upper_, data + 3 * kOverlayCluster, Bytes(3 * kOverlayCluster, std::byte{1}));
    Put(upper_, data + (kClusters - 1) * kOverlayCluster, Bytes(kOverlayCluster, std::byte{2}));
  }
  static Bytes Expected() {
    Bytes disk(kCapacity / 2, std::byte{0xba});
    disk.resize(kCapacity);
    std::fill_n(disk.begin() + 3 * kOverlayCluster, 3 * kOverlayCluster, std::byte{1});
    std::fill_n(disk.begin() + 6 * kOverlayCluster, 2 * kOverlayCluster, std::byte{0});
    std::fill(disk.begin() + (kClusters - 1) * kOverlayCluster, disk.end(), std::byte{2});
    return disk;
  }
  static Bytes Content(const OwnedFd& file) {
    Bytes content(FileSize(file.get()).value());
    EXPECT_TRUE(ReadFully(file.get(), 0, content).ok());
    return content;
  }
  [[nodiscard]] NamedFile base() const { return {base_.get(), "base"}; }
  [[nodiscard]] NamedFile upper() const { return {upper_.get(), "upper"}; }
  [[nodiscard]] NamedFile image() const { return {image_.get(), "image"}; }

  std::string directory_ = ::testing::TempDir() + "/overlay_image_XXXXXX";
  OwnedFd base_;
  OwnedFd upper_;
  OwnedFd image_;
};

TEST_F(OverlayImageTest, SaysWhatIsInAnOverlay) {
  const OverlayInfo info = InspectOverlay(upper()).value();
  EXPECT_EQ(info.capacity, kCapacity);
  EXPECT_EQ(info.data_bytes, 4 * kOverlayCluster);
  EXPECT_EQ(info.zero_bytes, 2 * kOverlayCluster);
  EXPECT_EQ(info.used_bytes, 5 * kOverlayPage);
  EXPECT_TRUE(info.unclean);
}

TEST_F(OverlayImageTest, FlattensToWhatAGuestSees) {
  const Bytes before = Content(upper_);
  ASSERT_TRUE(FlattenOverlay(base(), upper(), image()).ok());
  EXPECT_TRUE(Content(image_) == Expected());
  EXPECT_TRUE(Content(upper_) == before);
}

TEST_F(OverlayImageTest, LeavesHolesWhereThereAreZeroes) {
  ASSERT_TRUE(FlattenOverlay(base(), upper(), image()).ok());
  struct stat info {};
  ASSERT_EQ(::fstat(image_.get(), &info), 0);
  EXPECT_LT(info.st_blocks * 512, static_cast<int64_t>(kCapacity * 3 / 4));
}

TEST_F(OverlayImageTest, GoesOnOverANewBase) {
  const Bytes base_before = Content(base_);
  ASSERT_TRUE(FlattenOverlay(base(), upper(), image()).ok());
  ASSERT_TRUE(EmptyOverlayOnto(image(), upper()).ok());
  EXPECT_TRUE(Content(image_) == Expected());
  EXPECT_TRUE(Content(base_) == base_before);
  const OverlayInfo info = InspectOverlay(upper()).value();
  EXPECT_EQ(info.used_bytes, 0U);
  EXPECT_FALSE(info.unclean);
  struct stat stat {};
  ASSERT_EQ(::fstat(upper_.get(), &stat), 0);
  EXPECT_LE(stat.st_blocks * 512, static_cast<int64_t>(2 * kOverlayPage));
  // From now on it belongs to the image.
  const auto file = [&] { return OwnedFd::Duplicate(upper_.get()).value(); };
  const BaseIdentity old_base = BaseIdentity::Of(base_.get(), "base").value();
  EXPECT_FALSE(OverlayUpper::Open(file(), old_base, "upper").ok());
  const BaseIdentity new_base = BaseIdentity::Of(image_.get(), "image").value();
  EXPECT_TRUE(OverlayUpper::Open(file(), new_base, "upper").ok());
}

TEST_F(OverlayImageTest, RefusesAnotherBase) {
  Put(base_, 0, Bytes(1, std::byte{9}));
  const absl::Status status = FlattenOverlay(base(), upper(), image());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("\"upper\""), HasSubstr("\"base\"")));
  EXPECT_TRUE(Content(image_).empty());
}

TEST_F(OverlayImageTest, RebasesOntoACopy) {
  ASSERT_EQ(::futimens(base_.get(), nullptr), 0);  // now
  ASSERT_FALSE(FlattenOverlay(base(), upper(), image()).ok());
  ASSERT_TRUE(RebaseOverlay(base(), upper()).ok());
  EXPECT_TRUE(FlattenOverlay(base(), upper(), image()).ok());
}

TEST_F(OverlayImageTest, DoesNotRebaseOntoAnotherSize) {
  ASSERT_EQ(::ftruncate(base_.get(), 4 * kOverlayCluster), 0);
  EXPECT_EQ(RebaseOverlay(base(), upper()).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(OverlayImageTest, DoesNotWriteOverAFile) {
  Put(image_, 0, Bytes(1, std::byte{1}));
  const absl::Status status = FlattenOverlay(base(), upper(), image());
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("\"image\""), HasSubstr("not empty")));
}

TEST_F(OverlayImageTest, RefusesWhatAVmUses) {
  const BaseIdentity identity = BaseIdentity::Of(base_.get(), "base").value();
  const OverlayUpper user = OverlayUpper::Open(OpenFile("upper"), identity, "upper").value();
  EXPECT_THAT(std::string(InspectOverlay(upper()).status().message()), HasSubstr("in use"));
  EXPECT_FALSE(FlattenOverlay(base(), upper(), image()).ok());
  EXPECT_FALSE(EmptyOverlayOnto(base(), upper()).ok());
  EXPECT_FALSE(RebaseOverlay(base(), upper()).ok());
}

}  // namespace
}  // namespace mayfly::virtio
