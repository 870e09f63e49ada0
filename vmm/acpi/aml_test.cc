#include "vmm/acpi/aml.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::vmm::aml {
namespace {

Bytes Expected(std::initializer_list<unsigned> bytes) {
  Bytes expected;
  for (const unsigned byte : bytes) expected.push_back(static_cast<std::byte>(byte));
  return expected;
}

TEST(AmlTest, IntegersTakeTheShortestForm) {
  EXPECT_EQ(Integer(0), Expected({0x00}));
  EXPECT_EQ(Integer(1), Expected({0x01}));
  EXPECT_EQ(Integer(0xff), Expected({0x0a, 0xff}));
  EXPECT_EQ(Integer(0x1234), Expected({0x0b, 0x34, 0x12}));
  EXPECT_EQ(Integer(0xd0000000), Expected({0x0c, 0, 0, 0, 0xd0}));
}

TEST(AmlTest, EisaIdsArePacked) {
  // The example of ACPI 6.5, 19.6.36: PNP0C09 is 0x090CD041.
  EXPECT_EQ(EisaId("PNP0C09"), Expected({0x0c, 0x41, 0xd0, 0x0c, 0x09}));
}

TEST(AmlTest, NamesArePadded) {
  EXPECT_EQ(Name("_S5", Integer(0)), Expected({0x08, '_', 'S', '5', '_', 0x00}));
  EXPECT_EQ(Name("\\AB", Integer(0)), Expected({0x08, '\\', 'A', 'B', '_', '_', 0x00}));
}

TEST(AmlTest, MethodsSayHowTheyAreCalled) {
  EXPECT_EQ(Method("_EVT", 1, Notify("PWRB", 0x80)),
            Expected({0x14, 0x0d, '_', 'E', 'V', 'T', 0x09, 0x86, 'P', 'W', 'R', 'B', 0x0a, 0x80}));
}

TEST(AmlTest, PackageLengthsCountThemselves) {
  const auto scope_of = [](size_t bytes) { return Scope("ABCD", Bytes(bytes)); };
  EXPECT_EQ(scope_of(58)[1], std::byte{63}) << "one byte reaches to 63";
  EXPECT_EQ(scope_of(59)[1], std::byte{0x40 | (65 & 0xf)}) << "then it takes two";
  EXPECT_EQ(scope_of(59)[2], std::byte{65 >> 4});
  EXPECT_EQ(scope_of(5000)[1], std::byte{0x80 | (5007 & 0xf)}) << "and three from 4096";
  EXPECT_EQ(scope_of(5000)[2], std::byte{5007 >> 4 & 0xff});
  EXPECT_EQ(scope_of(5000)[3], std::byte{5007 >> 12});
}

TEST(AmlTest, ResourcesEndInATag) {
  EXPECT_EQ(ResourceTemplate({Ports(0x505, 1)}),
            Expected({0x11, 0x0d, 0x0a, 0x0a, 0x47, 0x01, 0x05, 0x05, 0x05, 0x05, 0x01, 0x01, 0x79,
                      0x00}));
}

}  // namespace
}  // namespace mayfly::vmm::aml
