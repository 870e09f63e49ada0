#include "vmm/boot/bz_image.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vmm/testing/bz_image_builder.h"
#include "vmm/testing/memory_file.h"

namespace mayfly::vmm {
namespace {

using ::testing::AllOf;
using testing::BuildBzImage;
using testing::DefaultBzHeader;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::MemoryFile;

constexpr uint64_t kMiB = 1 << 20;
const std::vector<std::byte> kPayload(4000, std::byte{0x90});

struct Parsed {
  OwnedFd fd;
  absl::StatusOr<ImageFile> file;
  absl::StatusOr<BzImage> image;
};

Parsed Parse(const std::vector<std::byte>& content) {
  OwnedFd fd = MemoryFile(content);
  auto file = ImageFile::Open(fd.get(), "kernel", "bzImage");
  auto image = file.ok() ? BzImage::Parse(*file) : file.status();
  return {.fd = std::move(fd), .file = std::move(file), .image = std::move(image)};
}

std::string Refusal(const setup_header& header) {
  return std::string(Parse(BuildBzImage(header, kPayload)).image.status().message());
}

// A file that was good once: what is wrong with it, and what to do.
auto IsDamage(const char* what) {
  return AllOf(HasSubstr(what), EndsWith("; copy or build it again"));
}

TEST(BzImageTest, GoesWhereItPrefers) {
  const Parsed parsed = Parse(BuildBzImage(DefaultBzHeader(), kPayload));
  ASSERT_TRUE(parsed.image.ok()) << parsed.image.status();
  EXPECT_EQ(*parsed.image->Place(*parsed.file, kMiB, 128 * kMiB),
            (GuestRange{.address = 16 * kMiB, .size = 4 * kMiB}));
  EXPECT_EQ(parsed.image->command_line_limit(), 2047);
  EXPECT_EQ(parsed.image->initrd_ceiling(), 0x80000000);
  EXPECT_EQ(BzImage::EntryOf(16 * kMiB), 16 * kMiB + 0x200);
}

TEST(BzImageTest, ARelocatableOneGoesWhereItFits) {
  const Parsed parsed = Parse(BuildBzImage(DefaultBzHeader(), kPayload));
  ASSERT_TRUE(parsed.image.ok());
  EXPECT_EQ(parsed.image->Place(*parsed.file, kMiB, 8 * kMiB)->address, 2 * kMiB);
  EXPECT_THAT(std::string(parsed.image->Place(*parsed.file, kMiB, 5 * kMiB).status().message()),
              HasSubstr("needs 4 MiB of memory"));
}

TEST(BzImageTest, AFixedOneDoesNot) {
  setup_header header = DefaultBzHeader();
  header.relocatable_kernel = 0;
  const Parsed parsed = Parse(BuildBzImage(header, kPayload));
  ASSERT_TRUE(parsed.image.ok());
  EXPECT_THAT(std::string(parsed.image->Place(*parsed.file, kMiB, 8 * kMiB).status().message()),
              HasSubstr("give the VM more memory"));
}

TEST(BzImageTest, LoadsItsProtectedModePart) {
  const Parsed parsed = Parse(BuildBzImage(DefaultBzHeader(), kPayload));
  const GuestRange range{.address = 0, .size = 8 * kMiB};
  auto memory = *GuestMemory::Create(std::span(&range, 1), {});
  ASSERT_EQ(parsed.image->Load(*parsed.file, memory, 2 * kMiB), absl::OkStatus());
  EXPECT_EQ(*memory.Load<uint8_t>(2 * kMiB), 0x90);
  EXPECT_EQ(*memory.Load<uint8_t>(2 * kMiB + kPayload.size() - 1), 0x90);
  EXPECT_EQ(*memory.Load<uint8_t>(2 * kMiB + kPayload.size()), 0);
}

TEST(BzImageTest, RefusesAnOldProtocol) {
  setup_header header = DefaultBzHeader();
  header.version = 0x020b;
  EXPECT_THAT(Refusal(header), HasSubstr("version 2.11"));
}

TEST(BzImageTest, Refuses32BitKernels) {
  setup_header header = DefaultBzHeader();
  header.xloadflags = 0;
  EXPECT_THAT(Refusal(header), HasSubstr("32-bit kernel"));
}

TEST(BzImageTest, RefusesHeadersThatMakeNoSense) {
  setup_header header = DefaultBzHeader();
  header.kernel_alignment = 3;
  EXPECT_THAT(Refusal(header), IsDamage("makes no sense"));
  header = DefaultBzHeader();
  header.init_size = 0;
  EXPECT_THAT(Refusal(header), IsDamage("makes no sense"));
  header = DefaultBzHeader();
  header.init_size = 16;
  EXPECT_THAT(Refusal(header), IsDamage("larger than the memory"));
}

TEST(BzImageTest, RefusesATruncatedFile) {
  setup_header header = DefaultBzHeader();
  header.setup_sects = 64;
  std::vector<std::byte> file = BuildBzImage(header, kPayload);
  file.resize(file.size() - 100);
  EXPECT_THAT(std::string(Parse(file).image.status().message()), IsDamage("cut off"));
  file.resize(2000);
  EXPECT_THAT(std::string(Parse(file).image.status().message()), IsDamage("cut off"));
  file.resize(0x1f0);
  EXPECT_THAT(std::string(Parse(file).image.status().message()), HasSubstr("not a Linux bzImage"));
}

TEST(BzImageTest, WhatIsAppendedToItDoesNotMatter) {
  std::vector<std::byte> file = BuildBzImage(DefaultBzHeader(), kPayload);
  file.resize(file.size() + 5000);
  EXPECT_TRUE(Parse(file).image.ok());
}

TEST(BzImageTest, AHeaderThatClaimsToReachBeyondTheFileIsCutThere) {
  std::vector<std::byte> file = BuildBzImage(DefaultBzHeader(), kPayload);
  file[0x201] = std::byte{0xff};
  EXPECT_TRUE(Parse(file).image.ok());
}

}  // namespace
}  // namespace mayfly::vmm
