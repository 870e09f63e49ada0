#include "jailer/cgroup/cpu_list.h"

#include "gtest/gtest.h"

namespace mayfly::jailer {
namespace {

std::string Shortest(std::string_view text) {
  const absl::StatusOr<CpuList> list = CpuList::Parse(text);
  return list.ok() ? list->Text() : "none";
}

TEST(CpuList, IsWrittenInTheShortestWay) {
  EXPECT_EQ(Shortest("0"), "0");
  EXPECT_EQ(Shortest("0-3"), "0-3");
  EXPECT_EQ(Shortest("3,1,2,0"), "0-3");
  EXPECT_EQ(Shortest("0,2,4-5,5-7"), "0,2,4-7");
  EXPECT_EQ(Shortest("8191"), "8191");
}

TEST(CpuList, WhatIsNoListIsRefused) {
  for (const std::string_view text : {"", ",", "0,", "-", "0-", "-1", "1-0", "a", "0 1", "0x1",
                                      "8192", "0-99999999999999999999"}) {
    EXPECT_EQ(CpuList::Parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(CpuList, LiesWithinAnother) {
  const CpuList some = *CpuList::Parse("1,3");
  EXPECT_TRUE(some.IsWithin(some));
  EXPECT_TRUE(some.IsWithin(*CpuList::Parse("0-3")));
  EXPECT_FALSE(some.IsWithin(*CpuList::Parse("0-2")));
  EXPECT_FALSE(some.IsWithin(*CpuList::Parse("1")));
  EXPECT_FALSE(CpuList::Parse("0-9")->IsWithin(some));
}

}  // namespace
}  // namespace mayfly::jailer
