#include "jailer/cgroup/cgroup_hierarchies.h"

#include "gtest/gtest.h"

namespace mayfly::jailer {
namespace {

constexpr std::string_view kV1Mounts =
    "23 1 0:22 / /proc rw - proc proc rw\n"
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:5 - cgroup cgroup rw,cpu,cpuacct\n"
    "34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "38 31 0:35 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    "42 31 0:38 / /elsewhere rw - cgroup2 cgroup2 rw\n";
constexpr std::string_view kV1Memberships =
    "9:name=systemd:/user\n8:pids:/\n7:blkio:/\n4:memory:/a/b\n3:cpuset:/\n2:cpu,cpuacct:/\n0::/x";

TEST(ParseHierarchies, FindsThoseOfVersion1AndTheUnifiedOne) {
  const auto found = ParseHierarchies(kV1Mounts, kV1Memberships, "");
  ASSERT_EQ(found.size(), 5U);
  EXPECT_EQ(found[0].version, CgroupVersion::kV1);
  EXPECT_EQ(found[0].mount_point, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_TRUE(found[0].controllers.Has(Controller::kCpu));
  EXPECT_FALSE(found[0].controllers.Has(Controller::kCpuset));
  EXPECT_EQ(found[0].own, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_TRUE(found[1].controllers.Has(Controller::kCpuset));
  EXPECT_EQ(found[2].own, "/sys/fs/cgroup/memory/a/b");
  EXPECT_TRUE(found[3].controllers.Has(Controller::kIo));
  EXPECT_EQ(found[4].version, CgroupVersion::kV2);
  EXPECT_TRUE(found[4].controllers.empty());
  EXPECT_EQ(found[4].mount_point, "/sys/fs/cgroup/unified");
  EXPECT_EQ(found[4].own, "/sys/fs/cgroup/unified/x");
}

// `own` for a mount of `mounted` where this process is in `path`.
std::string OwnOf(const std::string& mounted, const std::string& path) {
  const auto found = ParseHierarchies(
      "30 23 0:26 " + mounted + " /cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n", "0::" + path, "");
  return found.empty() ? "nothing found" : found[0].own;
}

TEST(ParseHierarchies, OwnIsBelowWhatIsMounted) {
  EXPECT_EQ(OwnOf("/", "/"), "/cgroup");
  EXPECT_EQ(OwnOf("/", "/a.slice/b.scope"), "/cgroup/a.slice/b.scope");
  EXPECT_EQ(OwnOf("/docker/1", "/docker/1"), "/cgroup");
  EXPECT_EQ(OwnOf("/docker/1", "/docker/1/inner"), "/cgroup/inner");
  EXPECT_EQ(OwnOf("/docker/1", "/docker/12"), "");
  EXPECT_EQ(OwnOf("/docker/1", "/"), "");
  EXPECT_EQ(OwnOf("/", "/../outside"), "");
}

TEST(ParseHierarchies, PathsAreUnescapedAndBelowTheRoot) {
  const auto found =
      ParseHierarchies("30 23 0:26 / /a\\040b\\134c rw - cgroup2 none rw\n", "0::/", "/tmp/root");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].mount_point, "/tmp/root/a b\\c");
}

TEST(ParseHierarchies, NothingIsFoundInNothing) {
  EXPECT_TRUE(ParseHierarchies("", "", "").empty());
  EXPECT_TRUE(ParseHierarchies("nonsense\n\n - \n - cgroup\n", "::\n:\n", "").empty());
}

}  // namespace
}  // namespace mayfly::jailer
