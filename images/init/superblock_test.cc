#include "images/init/superblock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace mayfly::init {
namespace {

std::vector<std::uint8_t> DeviceWith(std::size_t offset, std::string_view bytes) {
  std::vector<std::uint8_t> device(kSuperblockReach);
  std::copy(bytes.begin(), bytes.end(), device.begin() + static_cast<std::ptrdiff_t>(offset));
  return device;
}

TEST(FileSystemType, KnowsItByItsMagic) {
  EXPECT_EQ(FileSystemType(DeviceWith(1024 + 56, "\x53\xef")), "ext4");
  EXPECT_EQ(FileSystemType(DeviceWith(1024, "\xe2\xe1\xf5\xe0")), "erofs");
  EXPECT_EQ(FileSystemType(DeviceWith(0, "hsqs")), "squashfs");
  EXPECT_EQ(FileSystemType(DeviceWith(0, "XFSB")), "xfs");
  EXPECT_EQ(FileSystemType(DeviceWith(65536 + 64, "_BHRfS_M")), "btrfs");
}

TEST(FileSystemType, OthersAreUnknown) {
  EXPECT_EQ(FileSystemType(DeviceWith(0, "")), "");
  EXPECT_EQ(FileSystemType(DeviceWith(1024 + 56, "\x53\xee")), "");
}

TEST(FileSystemType, ADeviceMayBeTiny) {
  const std::vector<std::uint8_t> ext4 = DeviceWith(1024 + 56, "\x53\xef");
  EXPECT_EQ(FileSystemType(std::span(ext4).first(1024 + 58)), "ext4");
  EXPECT_EQ(FileSystemType(std::span(ext4).first(1024 + 57)), "");
  EXPECT_EQ(FileSystemType({}), "");
}

}  // namespace
}  // namespace mayfly::init
