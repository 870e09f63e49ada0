#include "api/host/pids_limit.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// A tree of files that looks like a host's /proc and /sys.
class PidsLimitTest : public ::testing::Test {
 protected:
  PidsLimitTest()
      : root_(::testing::TempDir() + "/" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(root_);
    Write("/proc/sys/kernel/pid_max", "1000");
    Write("/proc/sys/kernel/threads-max", "900");
  }
  void TearDown() override { fs::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text << '\n';
  }
  void MountV2(const std::string& own) const {
    Write("/proc/self/mountinfo", "30 23 0:26 / /cg rw - cgroup2 cgroup2 rw");
    Write("/proc/self/cgroup", "0::" + own);
  }
  [[nodiscard]] PidsLimit Find(const std::string& parent = "") const {
    return PidsLimit::Find(parent, root_);
  }

  const std::string root_;
};

TEST_F(PidsLimitTest, TheKernelsSettingsHold) {
  EXPECT_EQ(Find().pids, 900U);
  EXPECT_THAT(Find().remedy, HasSubstr("kernel.threads-max"));
  Write("/proc/sys/kernel/pid_max", "800");
  EXPECT_EQ(Find().pids, 800U);
  EXPECT_THAT(Find().remedy, HasSubstr("kernel.pid_max"));
}

TEST_F(PidsLimitTest, TheOwnCgroupAndThoseAboveItHold) {
  MountV2("/system.slice/mayflyd.service");
  Write("/cg/system.slice/pids.max", "max");
  Write("/cg/system.slice/mayflyd.service/pids.max", "77");
  EXPECT_EQ(Find().pids, 77U);
  EXPECT_THAT(Find().remedy, HasSubstr("/cg/system.slice/mayflyd.service (TasksMax= of a unit)"));
  Write("/cg/system.slice/pids.max", "66");
  EXPECT_EQ(Find().pids, 66U);
  Write("/cg/system.slice/pids.max", "max");
  Write("/cg/system.slice/mayflyd.service/pids.max", "max");
  EXPECT_EQ(Find().pids, 900U);
}

// Whose cgroup is all that it sees.
TEST_F(PidsLimitTest, AContainersHolds) {
  Write("/proc/self/mountinfo", "30 23 0:26 /docker/1 /cg ro - cgroup2 cgroup2 rw");
  Write("/proc/self/cgroup", "0::/docker/1");
  Write("/cg/pids.max", "55");
  EXPECT_EQ(Find().pids, 55U);
}

TEST_F(PidsLimitTest, Version1HoldsWhereItHasTheController) {
  Write("/proc/self/mountinfo",
        "30 23 0:26 / /cg/unified rw - cgroup2 cgroup2 rw\n"
        "31 23 0:27 / /cg/memory rw - cgroup cgroup rw,memory\n"
        "32 23 0:28 / /cg/pids rw - cgroup cgroup rw,pids");
  Write("/proc/self/cgroup", "2:pids:/a/b\n1:memory:/c\n0::/d");
  Write("/cg/pids/a/pids.max", "44");
  Write("/cg/unified/d/pids.max", "3");
  Write("/cg/memory/c/pids.max", "2");
  EXPECT_EQ(Find().pids, 44U);
}

TEST_F(PidsLimitTest, WhereVmsHaveAParentItsHolds) {
  MountV2("/system.slice/mayflyd.service");
  Write("/cg/system.slice/mayflyd.service/pids.max", "77");
  Write("/cg/fleet/pids.max", "88");
  EXPECT_EQ(Find("/fleet").pids, 88U);
  EXPECT_EQ(Find("/none").pids, 77U);
}

}  // namespace
}  // namespace mayfly::api
