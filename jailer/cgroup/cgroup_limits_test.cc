#include "jailer/cgroup/cgroup_limits.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::jailer {
namespace {

using testing::HasSubstr;

// What Check() says of limits that `set` has set.
template <typename Set>
std::string Said(const Set& set) {
  CgroupLimits limits;
  set(limits);
  const absl::Status status = limits.Check();
  return status.ok() ? "good" : std::string(status.message());
}

TEST(CgroupLimits, NoneAreGoodAndNeedNothing) {
  EXPECT_EQ(Said([](CgroupLimits&) {}), "good");
  EXPECT_TRUE(CgroupLimits().Controllers().empty());
}

TEST(CgroupLimits, EachNeedsItsController) {
  CgroupLimits limits;
  limits.cpu_weight = 50;
  limits.memory = 1 << 20;
  ControllerSet expected;
  expected.Add(Controller::kCpu);
  expected.Add(Controller::kMemory);
  EXPECT_EQ(limits.Controllers(), expected);
  limits.cpuset = *CpuList::Parse("0");
  limits.pids = 5;
  limits.io.push_back({.device = {}, .read_bytes = 1});
  for (const Controller controller : kControllers) {
    EXPECT_TRUE(limits.Controllers().Has(controller));
  }
}

TEST(CgroupLimits, AreWithinTheKernels) {
  EXPECT_EQ(Said([](auto& limits) { limits.cpus = 0.01; }), "good");
  EXPECT_THAT(Said([](auto& limits) { limits.cpus = 0.009; }), HasSubstr("0.01"));
  EXPECT_THAT(Said([](auto& limits) { limits.cpus = -1; }), HasSubstr("cpu: -1"));
  EXPECT_THAT(Said([](auto& limits) { limits.cpus = NAN; }), HasSubstr("cpu: nan"));
  EXPECT_THAT(Said([](auto& limits) { limits.cpus = 1e9; }), HasSubstr("8192"));
  EXPECT_EQ(Said([](auto& limits) { limits.cpu_weight = 10000; }), "good");
  EXPECT_EQ(Said([](auto& limits) { limits.cpu_weight = 0; }),
            "weight: 0 is not within 1 and 10000");
  EXPECT_THAT(Said([](auto& limits) { limits.cpu_weight = 10001; }), HasSubstr("10001"));
  EXPECT_THAT(Said([](auto& limits) { limits.memory = 0; }), HasSubstr("memory: 0"));
  EXPECT_THAT(Said([](auto& limits) { limits.memory = 1; }), HasSubstr("1048576"));
  EXPECT_THAT(Said([](auto& limits) { limits.memory = ~uint64_t{0}; }), HasSubstr("memory: "));
  EXPECT_THAT(Said([](auto& limits) { limits.pids = 0; }), HasSubstr("pids: 0"));
  EXPECT_THAT(Said([](auto& limits) { limits.pids = 1 << 30; }), HasSubstr("4194304"));
}

TEST(CgroupLimits, OfADiskSaySomething) {
  const auto said = [](IoLimit limit) {
    limit.device = {.major = 8, .minor = 16};
    return Said([&](auto& limits) { limits.io.push_back(limit); });
  };
  IoLimit limit;
  EXPECT_EQ(said(limit), "io: 8:16 is to be limited in nothing");
  limit.write_operations = uint64_t{1} << 32;
  EXPECT_THAT(said(limit), HasSubstr("io: writes: 4294967296"));
  limit.write_operations = 1;
  EXPECT_EQ(said(limit), "good");
  limit.read_bytes = 0;
  EXPECT_THAT(said(limit), HasSubstr("io: bytes read: 0"));
}

TEST(BlockDevice, OnlyDisksAreOnes) {
  EXPECT_THAT(std::string(BlockDevice::At("/dev/null").status().message()),
              HasSubstr("/dev/null is not a block device"));
  EXPECT_THAT(std::string(BlockDevice::At("/etc/passwd").status().message()),
              HasSubstr("is not a block device"));
  EXPECT_EQ(BlockDevice::At("/nonexistent/disk").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ((BlockDevice{.major = 8, .minor = 16}.Text()), "8:16");
}

}  // namespace
}  // namespace mayfly::jailer
