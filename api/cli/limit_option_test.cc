#include "api/cli/limit_option.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

LimitOption Parse(std::string_view text) {
  LimitOption option;
  const absl::Status status = ParseLimitOption(text, option);
  EXPECT_TRUE(status.ok()) << status;
  return option;
}

std::string ErrorOf(std::string_view text) {
  LimitOption option;
  const absl::Status status = ParseLimitOption(text, option);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_THAT(std::string(status.message()), StartsWith("--limit: ")) << text;
  return std::string(status.message());
}

TEST(LimitOption, UnderstandsEachWord) {
  const LimitOption option = Parse("cpu=0.5,weight=50,cpuset=0-1,memory=256M,pids=64");
  EXPECT_EQ(option.limits.cpus, 0.5);
  EXPECT_EQ(option.limits.cpu_weight, 50U);
  EXPECT_EQ(option.limits.cpuset->Text(), "0-1");
  EXPECT_EQ(option.limits.memory, uint64_t{256} << 20);
  EXPECT_EQ(option.limits.pids, 64U);
  EXPECT_FALSE(option.empty());
}

TEST(LimitOption, NoneIsEmpty) { EXPECT_TRUE(LimitOption().empty()); }

TEST(LimitOption, AddsToWhatIsThere) {
  LimitOption option;
  ASSERT_TRUE(ParseLimitOption("cpu=1,cpuset=0", option).ok());
  ASSERT_TRUE(ParseLimitOption("cpu=2,cpuset=4-5,pids=9", option).ok());
  EXPECT_EQ(option.limits.cpus, 2);
  EXPECT_EQ(option.limits.cpuset->Text(), "0,4-5");
  EXPECT_EQ(option.limits.pids, 9U);
}

TEST(LimitOption, ReplacesTheCpusOfASpecification) {
  LimitOption option;
  option.limits.cpuset = jailer::CpuList::Parse("0-3").value();
  ASSERT_TRUE(ParseLimitOption("cpuset=5", option).ok());
  ASSERT_TRUE(ParseLimitOption("cpuset=7", option).ok());
  EXPECT_EQ(option.limits.cpuset->Text(), "5,7");
}

TEST(LimitOption, RatesAreOfTheDiskBeforeThem) {
  const LimitOption option =
      Parse("io=/dev/disk/by-path/pci-0000:00:1f.2,rbps=10M,wiops=5,io=/dev/sdb,wbps=1,riops=7");
  ASSERT_EQ(option.disks.size(), 2U);
  EXPECT_EQ(option.disks[0].path, "/dev/disk/by-path/pci-0000:00:1f.2");
  EXPECT_EQ(option.disks[0].limit.read_bytes, uint64_t{10} << 20);
  EXPECT_EQ(option.disks[0].limit.write_bytes, std::nullopt);
  EXPECT_EQ(option.disks[0].limit.write_operations, 5U);
  EXPECT_EQ(option.disks[1].path, "/dev/sdb");
  EXPECT_EQ(option.disks[1].limit.write_bytes, 1U);
  EXPECT_EQ(option.disks[1].limit.read_operations, 7U);
  EXPECT_FALSE(option.empty());
}

TEST(LimitOption, SaysWhatIsWrong) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("has no value"));
  EXPECT_THAT(ErrorOf("memory"), HasSubstr("memory=256M"));
  EXPECT_THAT(ErrorOf("ram=1G"), HasSubstr("ram: it is none of cpu, weight"));
  EXPECT_THAT(ErrorOf("cpu=half"), HasSubstr("cpu: \"half\" is no number of CPUs"));
  EXPECT_THAT(ErrorOf("cpu=1e3"), HasSubstr("cpu: \"1e3\""));
  EXPECT_THAT(ErrorOf("cpu=inf"), HasSubstr("cpu"));
  EXPECT_THAT(ErrorOf("cpu=0"), HasSubstr("cpu: 0 is not within 0.01"));
  EXPECT_THAT(ErrorOf("weight=20000"), HasSubstr("weight: 20000 is not within 1 and 10000"));
  EXPECT_THAT(ErrorOf("cpuset=1-0"), HasSubstr("cpuset: \"1-0\" is no list of CPUs"));
  EXPECT_THAT(ErrorOf("memory=0"), HasSubstr("memory: 0"));
  EXPECT_THAT(ErrorOf("pids=none"), HasSubstr("pids: \"none\""));
  EXPECT_THAT(ErrorOf("io="), HasSubstr("io: give a disk"));
  EXPECT_THAT(ErrorOf("rbps=1M"), HasSubstr("rbps: it is of a disk: give io=DISK before it"));
}

}  // namespace
}  // namespace mayfly::cli
