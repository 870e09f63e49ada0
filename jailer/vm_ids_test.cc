#include "jailer/vm_ids.h"

#include "gtest/gtest.h"

namespace mayfly::jailer {
namespace {

TEST(VmIds, NoTwoProcessesShareOne) {
  EXPECT_EQ(VmId(1), kFirstVmId + 1);
  EXPECT_EQ(VmId(4'194'303), kFirstVmId + kVmIds - 1);  // the highest that Linux gives
  EXPECT_NE(VmId(77), VmId(78));
}

TEST(VmIds, AreNoneOfTheNumbersThatTheKernelTakesForNobody) {
  constexpr uid_t kNobodyKnown = 65534;  // what a user without a number is shown as
  EXPECT_GT(kFirstVmId, kNobodyKnown);
  EXPECT_GT(static_cast<int32_t>(kFirstVmId + kVmIds), 0) << "some programs take them for signed";
}

TEST(VmIds, TheHostsUsersHaveThem) { EXPECT_TRUE(MapsVmIds("         0          0 4294967295\n")); }

TEST(VmIds, ARangeHasToHoldAllOfThem) {
  EXPECT_FALSE(MapsVmIds("         0          0          1\n"));
  EXPECT_FALSE(MapsVmIds("         0     100000      65536\n"));
  EXPECT_TRUE(MapsVmIds("0 1000 1\n 1879048192 1879048192 4194304\n"));
  EXPECT_FALSE(MapsVmIds("0 1000 1\n 1879048192 1879048192 4194303\n"));
  EXPECT_FALSE(MapsVmIds("1879048193 1879048193 4194304\n"));
}

TEST(VmIds, AnEmptyOrBrokenMapHasNone) {
  EXPECT_FALSE(MapsVmIds(""));
  EXPECT_FALSE(MapsVmIds("0 0"));
  EXPECT_FALSE(MapsVmIds("0 0 many\n"));
  EXPECT_FALSE(MapsVmIds("0 0 99999999999999999999999\n"));
}

}  // namespace
}  // namespace mayfly::jailer
