#include "jailer/cgroup/cgroup_place.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jailer/cgroup/cgroup_parent.h"

namespace mayfly::jailer {
namespace {

using testing::HasSubstr;

// A tree of directories that looks like cgroups of version 2.
class CgroupPlaceTest : public ::testing::Test {
 protected:
  CgroupPlaceTest()
      : top_(::testing::TempDir() + "/" +
             ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(top_);
    hierarchy_.mount_point = top_;
    Make("", "cpu io memory pids", "cpu memory");
  }
  void TearDown() override { std::filesystem::remove_all(top_); }

  // A cgroup that may give `controllers` to those in it, and does with `enabled`.
  void Make(const std::string& path, const std::string& controllers, const std::string& enabled,
            const std::string& processes = "") {
    std::filesystem::create_directories(top_ + path);
    Write(path + "/cgroup.controllers", controllers);
    Write(path + "/cgroup.subtree_control", enabled);
    Write(path + "/cgroup.procs", processes);
    if (!path.empty()) Write(path + "/cgroup.type", "domain");
  }
  void Write(const std::string& path, const std::string& text) {
    std::ofstream(top_ + path) << text << '\n';
  }
  [[nodiscard]] std::string Read(const std::string& path) const {
    std::ifstream file(top_ + path);
    std::string text;
    std::getline(file, text);
    return text;
  }
  [[nodiscard]] CgroupPlace Place(CgroupUser user, const std::string& own,
                                  const std::string& parent = "") {
    hierarchy_.own = top_ + own;
    return {hierarchy_, {.parent = parent, .user = user, .root = ""}};
  }

  std::string top_;
  CgroupHierarchy hierarchy_;
};

TEST_F(CgroupPlaceTest, RootsIsAtTheTop) {
  EXPECT_EQ(Place(CgroupUser::kRoot, "/a/b").path(), top_ + "/mayfly");
}

TEST_F(CgroupPlaceTest, AUsersIsInTheClosestCgroupThatCanBeDivided) {
  Make("/slice", "cpu memory", "memory");
  Make("/slice/app", "memory", "");
  Make("/slice/app/scope", "memory", "", "17");
  EXPECT_EQ(Place(CgroupUser::kOrdinary, "/slice/app/scope").path(), top_ + "/slice/app/mayfly");
  Write("/slice/app/cgroup.procs", "18");
  EXPECT_EQ(Place(CgroupUser::kOrdinary, "/slice/app/scope").path(), top_ + "/slice/mayfly");
}

TEST_F(CgroupPlaceTest, TheTrueRootMayHaveProcesses) {
  Write("/cgroup.procs", "1");
  EXPECT_EQ(Place(CgroupUser::kOrdinary, "").path(), top_ + "/mayfly");
  Write("/cgroup.type", "domain");  // the root of a namespace
  EXPECT_EQ(Place(CgroupUser::kOrdinary, "").path(), "");
}

TEST_F(CgroupPlaceTest, WhereNothingCanBeDividedSaysWhatToDo) {
  hierarchy_.own.clear();
  const CgroupPlace place(hierarchy_, {.parent = "", .user = CgroupUser::kOrdinary, .root = ""});
  const ControllerFinding finding = place.Look(Controller::kMemory);
  EXPECT_FALSE(finding.usable());
  EXPECT_THAT(finding.obstacle, HasSubstr("no cgroup in " + top_));
  EXPECT_THAT(finding.remedy, HasSubstr("systemd-run --user --scope"));
}

TEST_F(CgroupPlaceTest, AVersion1PlaceIsInTheOwnCgroup) {
  hierarchy_.version = CgroupVersion::kV1;
  std::filesystem::create_directories(top_ + "/a");
  const CgroupPlace place = Place(CgroupUser::kOrdinary, "/a");
  EXPECT_EQ(place.path(), top_ + "/a/mayfly");
  EXPECT_TRUE(place.Look(Controller::kMemory).usable());
  EXPECT_EQ(place.Look(Controller::kMemory).version, CgroupVersion::kV1);
}

TEST_F(CgroupPlaceTest, ControllersThatAreThereCanBeHad) {
  const CgroupPlace place = Place(CgroupUser::kRoot, "");
  EXPECT_TRUE(place.Look(Controller::kMemory).usable());  // handed down already
  EXPECT_TRUE(place.Look(Controller::kPids).usable());    // it can be
  const ControllerFinding cpuset = place.Look(Controller::kCpuset);
  EXPECT_EQ(cpuset.obstacle, top_ + " has no cpuset controller");
  EXPECT_THAT(cpuset.remedy, HasSubstr("kernel"));
}

TEST_F(CgroupPlaceTest, WhatIsNotDelegatedCannot) {
  Make("/user", "memory", "memory");
  Write("/cgroup.subtree_control", "cpu memory pids");
  const ControllerFinding finding =
      Place(CgroupUser::kRoot, "", "/user/vms").Look(Controller::kPids);
  EXPECT_EQ(finding.obstacle, top_ + "/user has no pids controller");
  EXPECT_THAT(finding.remedy, HasSubstr("Delegate="));
}

TEST_F(CgroupPlaceTest, NorWhatACgroupWithProcessesWouldHaveToGive) {
  Make("/busy", "memory", "", "42");
  const CgroupPlace place = Place(CgroupUser::kRoot, "", "/busy");
  EXPECT_THAT(place.Look(Controller::kMemory).obstacle, HasSubstr("/busy has processes"));
  EXPECT_THAT(place.Look(Controller::kMemory).remedy, HasSubstr("--cgroup-parent"));
}

TEST_F(CgroupPlaceTest, ParentsAreMadeAndGivenControllersFromTheTop) {
  Make("/fleet", "cpu memory", "");
  Make("/fleet/vms", "", "cpu");
  const auto parent = CgroupParent::Make(hierarchy_, top_ + "/fleet/vms");
  ASSERT_TRUE(parent.ok()) << parent.status();
  ControllerSet controllers;
  controllers.Add(Controller::kCpu);
  controllers.Add(Controller::kPids);
  ASSERT_TRUE((*parent)->HandDown(controllers).ok());
  // The kernel adds what it is told to; a file holds the telling.
  EXPECT_EQ(Read("/cgroup.subtree_control").substr(0, 5), "+pids");
  EXPECT_EQ(Read("/fleet/cgroup.subtree_control"), "+cpu +pids");
  EXPECT_EQ(Read("/fleet/vms/cgroup.subtree_control").substr(0, 5), "+pids");
}

TEST_F(CgroupPlaceTest, HandingDownSaysWhereItFailed) {
  Make("/fleet", "cpu memory", "");
  std::filesystem::remove(top_ + "/fleet/cgroup.subtree_control");
  ControllerSet controllers;
  controllers.Add(Controller::kCpu);
  const auto parent = CgroupParent::Make(hierarchy_, top_ + "/fleet");
  ASSERT_TRUE(parent.ok()) << parent.status();
  EXPECT_THAT(std::string((*parent)->HandDown(controllers).message()),
              HasSubstr("cgroup.subtree_control"));
}

TEST(ChainTo, BeginsAtTheTop) {
  EXPECT_THAT(ChainTo("/a", "/a"), testing::ElementsAre("/a"));
  EXPECT_THAT(ChainTo("/a", "/a/b/c"), testing::ElementsAre("/a", "/a/b", "/a/b/c"));
}

}  // namespace
}  // namespace mayfly::jailer
