#include "api/cli/disk_option.h"

#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string ErrorOf(std::string_view text) {
  const auto disk = ParseDiskOption(text);
  EXPECT_EQ(disk.status().code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_THAT(std::string(disk.status().message()), StartsWith("--disk: ")) << text;
  return std::string(disk.status().message());
}

TEST(DiskOption, AFileAloneIsAPlainDisk) {
  const DiskOption disk = ParseDiskOption("root.img").value();
  EXPECT_EQ(disk.path, "root.img");
  EXPECT_EQ(disk.access, vmm::DiskAccess::kReadWrite);
  EXPECT_EQ(disk.engine, vmm::DiskEngine::kAuto);
  EXPECT_EQ(disk.caching, vmm::DiskCaching::kHostCache);
  EXPECT_FALSE(disk.overlay.has_value());
  EXPECT_EQ(disk.serial, "");
  EXPECT_EQ(disk.limits, virtio::RateLimits());
}

TEST(DiskOption, UnderstandsAll) {
  const DiskOption disk =
      ParseDiskOption(
          "d,rw,direct,engine=uring,overlay=up,cap=1G,iops=500:600,bps=10M:64M,serial=x")
          .value();
  EXPECT_EQ(disk.path, "d");
  EXPECT_EQ(disk.access, vmm::DiskAccess::kReadWrite);
  EXPECT_EQ(disk.caching, vmm::DiskCaching::kDirect);
  EXPECT_EQ(disk.engine, vmm::DiskEngine::kUring);
  ASSERT_TRUE(disk.overlay.has_value());
  EXPECT_EQ(disk.overlay->path, "up");
  EXPECT_EQ(disk.overlay->cap_bytes, uint64_t{1} << 30);
  EXPECT_EQ(disk.limits.operations, (virtio::RateLimit{.per_second = 500, .burst = 600}));
  EXPECT_EQ(disk.limits.bytes,
            (virtio::RateLimit{.per_second = uint64_t{10} << 20, .burst = uint64_t{64} << 20}));
  EXPECT_EQ(disk.serial, "x");
  EXPECT_EQ(ParseDiskOption("d,ro").value().access, vmm::DiskAccess::kReadOnly);
  EXPECT_EQ(ParseDiskOption("d,engine=sync").value().engine, vmm::DiskEngine::kSync);
  EXPECT_EQ(ParseDiskOption("d,iops=7").value().limits.operations,
            (virtio::RateLimit{.per_second = 7, .burst = 0}));
}

TEST(DiskOption, AnOverlayMayBeOfMemory) {
  const DiskOption disk = ParseDiskOption("d,overlay=memory").value();
  ASSERT_TRUE(disk.overlay.has_value());
  EXPECT_EQ(disk.overlay->path, std::nullopt);
  EXPECT_EQ(disk.overlay->cap_bytes, 0U);
  EXPECT_EQ(ParseDiskOption("d,overlay=./memory").value().overlay->path, "./memory");
}

TEST(DiskOption, NamesMayHaveCommas) {
  EXPECT_EQ(ParseDiskOption("a,b").value().path, "a,b");
  EXPECT_EQ(ParseDiskOption("a,b,ro").value().path, "a,b");
  EXPECT_EQ(ParseDiskOption("a,ro,b").value().path, "a,ro,b");
  EXPECT_EQ(ParseDiskOption("k=v").value().path, "k=v");
  EXPECT_EQ(ParseDiskOption("/x=1/d,ro").value().path, "/x=1/d");
}

TEST(DiskOption, ErrorsNameTheWord) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("a file is needed"));
  EXPECT_THAT(ErrorOf(",ro"), HasSubstr("a file is needed"));
  EXPECT_THAT(ErrorOf("ro"), HasSubstr("a file is needed"));
  EXPECT_THAT(ErrorOf("d,speed=9"), HasSubstr("\"speed\" is none"));
  EXPECT_THAT(ErrorOf("d,speed=9,ro"), HasSubstr("\"speed\" is none"));
  EXPECT_THAT(ErrorOf("d,engine=steam"), HasSubstr("engine: \"steam\""));
  EXPECT_THAT(ErrorOf("d,engine"), HasSubstr("engine: a value"));
  EXPECT_THAT(ErrorOf("d,overlay="), HasSubstr("overlay: give"));
  EXPECT_THAT(ErrorOf("d,iops=0"), HasSubstr("iops"));
  EXPECT_THAT(ErrorOf("d,iops=many"), HasSubstr("iops: \"many\""));
  EXPECT_THAT(ErrorOf("d,iops=1:"), HasSubstr("iops"));
  EXPECT_THAT(ErrorOf("d,bps=0"), HasSubstr("bps: 0"));
  EXPECT_THAT(ErrorOf("d,bps=-1"), HasSubstr("bps"));
  EXPECT_THAT(ErrorOf("d,serial=a-serial-of-21-letters"), HasSubstr("serial"));
  EXPECT_THAT(ErrorOf("d,serial="), HasSubstr("serial"));
  EXPECT_THAT(ErrorOf("d,cap=1M"), HasSubstr("cap: only an overlay"));
  EXPECT_THAT(ErrorOf("d,overlay=memory,cap=0"), HasSubstr("cap: 0"));
  EXPECT_THAT(ErrorOf("d,overlay=memory,cap=x"), HasSubstr("cap: \"x\""));
  EXPECT_THAT(ErrorOf("d,overlay=memory,ro"), HasSubstr("ro: an overlay"));
}

}  // namespace
}  // namespace mayfly::cli
