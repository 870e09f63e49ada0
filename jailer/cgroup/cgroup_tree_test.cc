#include "jailer/cgroup/cgroup_tree.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::jailer {
namespace {

using testing::HasSubstr;

TEST(CgroupTree, AParentIsAnAbsolutePath) {
  CgroupSettings settings = CgroupSettings::ForThisProcess();
  for (const std::string bad : {"fleet", "/fleet/", "/", "/a//b", "/a/../b", "/.", "/.."}) {
    settings.parent = bad;
    EXPECT_EQ(CgroupTree::Find(settings).status().code(), absl::StatusCode::kInvalidArgument)
        << bad;
  }
}

TEST(CgroupTree, NothingToLimitIsAMistake) {
  auto tree = CgroupTree::Find(CgroupSettings::ForThisProcess());
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(tree->Make({}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CgroupTree, WithoutCgroupsSaysWhatToDo) {
  CgroupSettings settings;
  settings.root = ::testing::TempDir() + "/no-cgroups";
  std::filesystem::create_directories(settings.root + "/proc/self");
  std::ofstream(settings.root + "/proc/self/mountinfo") << "23 1 0:22 / /proc rw - proc proc rw\n";
  std::ofstream(settings.root + "/proc/self/cgroup") << "";
  auto tree = CgroupTree::Find(settings);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_THAT(tree->Look(Controller::kIo).remedy, HasSubstr("mount -t cgroup2"));
  CgroupLimits limits;
  limits.memory = 1 << 20;
  EXPECT_EQ(std::string(tree->Make(limits).status().message()),
            "limiting memory: no cgroups with their controllers are mounted; mount -t cgroup2 "
            "cgroup2 /sys/fs/cgroup");
  std::filesystem::remove_all(settings.root);
}

}  // namespace
}  // namespace mayfly::jailer
