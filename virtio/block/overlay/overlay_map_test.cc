#include "virtio/block/overlay/overlay_map.h"

#include <array>
#include <cstring>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::virtio {
namespace {

using ::testing::ElementsAre;

// Two pages and a bit of a third.
constexpr uint64_t kClusters = 2 * kClustersPerPage + 5;

void ExpectRun(const OverlayMap& map, uint64_t begin, uint64_t end, ClusterState state,
               uint64_t run_end) {
  const OverlayMap::Run run = map.RunAt(begin, end);
  EXPECT_EQ(run.state, state) << "at " << begin;
  EXPECT_EQ(run.end, run_end) << "from " << begin;
}

TEST(OverlayMap, BeginsAsTheBase) {
  const OverlayMap map = OverlayMap::Create(kClusters).value();
  ExpectRun(map, 0, kClusters, ClusterState::kBase, kClusters);
  EXPECT_EQ(map.used_bytes(), 0U);
  EXPECT_FALSE(map.dirty());
}

TEST(OverlayMap, CostsNothingForTheLargestDisk) {
  const OverlayMap map = OverlayMap::Create(kOverlayMaxCapacity / kOverlayCluster).value();
  ExpectRun(map, 0, map.clusters(), ClusterState::kBase, map.clusters());
}

TEST(OverlayMap, RunsEndWhereTheStateChanges) {
  OverlayMap map = OverlayMap::Create(kClusters).value();
  map.Set(3, 4, ClusterState::kData);
  map.Set(31, 100, ClusterState::kZero);
  map.Set(kClustersPerPage - 1, kClustersPerPage + 1, ClusterState::kData);
  ExpectRun(map, 0, kClusters, ClusterState::kBase, 3);
  ExpectRun(map, 3, kClusters, ClusterState::kData, 4);
  ExpectRun(map, 4, kClusters, ClusterState::kBase, 31);
  ExpectRun(map, 31, kClusters, ClusterState::kZero, 100);
  ExpectRun(map, 50, 60, ClusterState::kZero, 60);
  ExpectRun(map, 100, kClusters, ClusterState::kBase, kClustersPerPage - 1);
  ExpectRun(map, kClustersPerPage - 1, kClusters, ClusterState::kData, kClustersPerPage + 1);
  ExpectRun(map, kClustersPerPage + 1, kClusters, ClusterState::kBase, kClusters);
}

TEST(OverlayMap, ARunEndsAtAPageThatIsNotUsed) {
  OverlayMap map = OverlayMap::Create(kClusters).value();
  map.Set(0, kClustersPerPage, ClusterState::kZero);
  ExpectRun(map, 0, kClusters, ClusterState::kZero, kClustersPerPage);
}

TEST(OverlayMap, CountsDataAndPages) {
  OverlayMap map = OverlayMap::Create(kClusters).value();
  EXPECT_EQ(map.GrowthBySetting(10, 20, ClusterState::kData), 11 * kOverlayPage);
  map.Set(10, 20, ClusterState::kData);
  EXPECT_EQ(map.used_bytes(), 11 * kOverlayPage);
  EXPECT_EQ(map.GrowthBySetting(0, 20, ClusterState::kData), 10 * kOverlayPage);
  EXPECT_EQ(map.GrowthBySetting(10, 20, ClusterState::kData), 0U);
  map.Set(15, 2 * kClustersPerPage, ClusterState::kZero);
  EXPECT_EQ(map.data_clusters(), 5U);
  EXPECT_EQ(map.used_bytes(), 7 * kOverlayPage);
  map.Set(0, kClusters, ClusterState::kData);
  EXPECT_EQ(map.data_clusters(), kClusters);
}

TEST(OverlayMap, SaysWhichPagesToSave) {
  OverlayMap map = OverlayMap::Create(kClusters).value();
  map.Set(2 * kClustersPerPage, 2 * kClustersPerPage + 1, ClusterState::kData);
  map.Set(7, 8, ClusterState::kData);
  EXPECT_TRUE(map.dirty());
  EXPECT_THAT(map.SortDirtyPages(), ElementsAre(0, 2));
  map.SetSaved();
  EXPECT_FALSE(map.dirty());
  map.Set(7, 8, ClusterState::kData);  // no news
  EXPECT_FALSE(map.dirty());
  map.Set(7, 8, ClusterState::kZero);
  EXPECT_THAT(map.SortDirtyPages(), ElementsAre(0));
}

TEST(OverlayMap, LoadsWhatWasSaved) {
  OverlayMap map = OverlayMap::Create(kClusters).value();
  map.Set(1, 90, ClusterState::kData);
  map.Set(50, 60, ClusterState::kZero);
  OverlayMap copy = OverlayMap::Create(kClusters).value();
  ASSERT_TRUE(copy.Load(0, map.page(0)).ok());
  EXPECT_EQ(copy.used_bytes(), map.used_bytes());
  EXPECT_FALSE(copy.dirty());
  ExpectRun(copy, 50, kClusters, ClusterState::kZero, 60);
  ExpectRun(copy, 60, kClusters, ClusterState::kData, 90);
}

TEST(OverlayMap, RefusesStatesThatThereAreNot) {
  std::vector<std::byte> page(kOverlayPage);
  page[100] = std::byte{0b0000'1100};
  OverlayMap map = OverlayMap::Create(kClusters).value();
  EXPECT_EQ(map.Load(0, page).code(), absl::StatusCode::kDataLoss);
}

TEST(OverlayMap, RefusesStatesBehindTheEnd) {
  for (const size_t byte : {size_t{1}, size_t{8}, kOverlayPage - 1}) {
    std::vector<std::byte> page(kOverlayPage);
    page[byte] = std::byte{0b0000'0100};  // the second cluster of four: the disk's last is the 5th
    OverlayMap map = OverlayMap::Create(kClusters).value();
    EXPECT_EQ(map.Load(2, page).code(), absl::StatusCode::kDataLoss) << byte;
  }
}

}  // namespace
}  // namespace mayfly::virtio
