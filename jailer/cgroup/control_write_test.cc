#include "jailer/cgroup/control_write.h"

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace mayfly::jailer {
namespace {

// "FILE=VALUE" of each line, in a row; "?" where the file need not be there.
std::string Lines(const CgroupLimits& limits, Controller controller, CgroupVersion version) {
  std::string text;
  for (const ControlWrite& write : WritesFor(limits, controller, version, "0-1")) {
    absl::StrAppend(&text, text.empty() ? "" : " | ", write.file, "=", write.value,
                    write.need == ControlWrite::Need::kWhereThere ? "?" : "");
  }
  return text;
}

void ExpectLines(const CgroupLimits& limits, Controller controller, const std::string& v1,
                 const std::string& v2) {
  EXPECT_EQ(Lines(limits, controller, CgroupVersion::kV1), v1);
  EXPECT_EQ(Lines(limits, controller, CgroupVersion::kV2), v2);
}

TEST(WritesFor, NothingIsWrittenWithoutLimits) {
  for (const Controller controller : kControllers) ExpectLines({}, controller, "", "");
}

TEST(WritesFor, Cpu) {
  CgroupLimits limits;
  limits.cpus = 0.5;
  ExpectLines(limits, Controller::kCpu, "cpu.cfs_quota_us=50000", "cpu.max=50000");
  limits.cpus = 2.345;
  limits.cpu_weight = 100;
  ExpectLines(limits, Controller::kCpu, "cpu.cfs_quota_us=234500 | cpu.shares=1024",
              "cpu.max=234500 | cpu.weight=100");
  limits.cpus.reset();
  limits.cpu_weight = 1;
  ExpectLines(limits, Controller::kCpu, "cpu.shares=10", "cpu.weight=1");
}

TEST(WritesFor, Cpuset) {
  CgroupLimits limits;
  limits.cpuset = *CpuList::Parse("3,1");
  ExpectLines(limits, Controller::kCpuset, "cpuset.mems=0-1 | cpuset.cpus=1,3", "cpuset.cpus=1,3");
}

TEST(WritesFor, MemoryCountsSwap) {
  CgroupLimits limits;
  limits.memory = 4096;
  ExpectLines(limits, Controller::kMemory,
              "memory.limit_in_bytes=4096 | memory.memsw.limit_in_bytes=4096?",
              "memory.max=4096 | memory.swap.max=0?");
}

TEST(WritesFor, Pids) {
  CgroupLimits limits;
  limits.pids = 64;
  ExpectLines(limits, Controller::kPids, "pids.max=64", "pids.max=64");
}

TEST(WritesFor, IoOfEachDisk) {
  CgroupLimits limits;
  IoLimit first{.device = {.major = 8, .minor = 0}};
  first.read_bytes = 1000;
  first.write_operations = 5;
  IoLimit second{.device = {.major = 259, .minor = 1}};
  second.write_bytes = 7;
  second.read_operations = 9;
  limits.io = {first, second};
  ExpectLines(limits, Controller::kIo,
              "blkio.throttle.read_bps_device=8:0 1000 | blkio.throttle.write_iops_device=8:0 5 | "
              "blkio.throttle.write_bps_device=259:1 7 | blkio.throttle.read_iops_device=259:1 9",
              "io.max=8:0 rbps=1000 wiops=5 | io.max=259:1 wbps=7 riops=9");
}

TEST(RemedyFor, WhatIsKnownHasOne) {
  EXPECT_NE(RemedyFor(Controller::kCpu, EINVAL), "");
  EXPECT_NE(RemedyFor(Controller::kIo, ENODEV), "");
  EXPECT_EQ(RemedyFor(Controller::kPids, EIO), "");
}

}  // namespace
}  // namespace mayfly::jailer
