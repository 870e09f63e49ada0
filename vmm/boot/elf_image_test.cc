#include "vmm/boot/elf_image.h"

#include <algorithm>
#include <array>

#include "base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vmm/testing/elf_builder.h"
#include "vmm/testing/memory_file.h"

namespace mayfly::vmm {
namespace {

using ::testing::AllOf;
using testing::ElfBuilder;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::MemoryFile;

constexpr uint64_t kMiB = 1 << 20;
constexpr std::array kCode = {std::byte{0xf4}, std::byte{0xeb}, std::byte{0xfd}};

struct Parsed {
  OwnedFd fd;
  absl::StatusOr<ImageFile> file;
  absl::StatusOr<ElfImage> image;
};

Parsed Parse(const std::vector<std::byte>& content) {
  OwnedFd fd = MemoryFile(content);
  auto file = ImageFile::Open(fd.get(), "kernel", "test.elf");
  auto image = file.ok() ? ElfImage::Parse(*file) : file.status();
  return {.fd = std::move(fd), .file = std::move(file), .image = std::move(image)};
}

std::string Refusal(const std::vector<std::byte>& content) {
  return std::string(ToStd(Parse(content).image.status().message()));
}
std::string Refusal(const ElfBuilder& builder) { return Refusal(builder.Build()); }

// A file that was good once: what is wrong with it, and what to do.
auto IsDamage(const char* what) {
  return AllOf(HasSubstr(what), EndsWith("; copy or build it again"));
}

ElfBuilder Good() {
  ElfBuilder builder;
  builder.Load(kMiB, kCode).PvhNote(kMiB).Entry(kMiB + 1);
  return builder;
}

TEST(ElfImageTest, FindsSegmentsAndEntries) {
  ElfBuilder builder = Good();
  builder.Load(4 * kMiB, kCode, 8192).Load(2 * kMiB, kCode);
  const Parsed parsed = Parse(builder.Build());
  ASSERT_TRUE(parsed.image.ok()) << parsed.image.status();
  const ElfImage& image = *parsed.image;
  ASSERT_EQ(image.segments().size(), 3);
  EXPECT_EQ(image.segments()[1].address, 2 * kMiB) << "ascending";
  EXPECT_EQ(image.end(), 4 * kMiB + 8192);
  EXPECT_EQ(image.entry(), kMiB + 1);
  EXPECT_EQ(image.pvh_entry(), kMiB);
  EXPECT_TRUE(image.Covers(kMiB + 2));
  EXPECT_FALSE(image.Covers(kMiB + 3));
  EXPECT_TRUE(image.Covers(4 * kMiB + 8191));
}

TEST(ElfImageTest, WithoutANoteThereIsNoPvhEntry) {
  const Parsed parsed = Parse(ElfBuilder().Load(kMiB, kCode).Build());
  ASSERT_TRUE(parsed.image.ok());
  EXPECT_EQ(parsed.image->pvh_entry(), std::nullopt);
}

TEST(ElfImageTest, LoadsIntoMemory) {
  ElfBuilder builder;
  builder.Load(kMiB + 5, kCode);
  const Parsed parsed = Parse(builder.Build());
  ASSERT_TRUE(parsed.image.ok());
  const GuestRange range{.address = 0, .size = 4 * kMiB};
  auto memory = *GuestMemory::Create(std::span(&range, 1), {});
  ASSERT_EQ(parsed.image->Load(*parsed.file, memory, kMiB, 4 * kMiB), absl::OkStatus());
  EXPECT_TRUE(std::ranges::equal(*memory.Span(kMiB + 5, kCode.size()), kCode));
  EXPECT_EQ(*memory.Load<uint8_t>(kMiB + 4), 0);
}

TEST(ElfImageTest, LoadsALargeSegment) {
  std::vector<std::byte> large(kMiB + 100, std::byte{0x5a});
  ElfBuilder builder;
  builder.Load(kMiB, large, 2 * kMiB);
  const Parsed parsed = Parse(builder.Build());
  ASSERT_TRUE(parsed.image.ok());
  const GuestRange range{.address = 0, .size = 4 * kMiB};
  auto memory = *GuestMemory::Create(std::span(&range, 1), {});
  ASSERT_EQ(parsed.image->Load(*parsed.file, memory, kMiB, 4 * kMiB), absl::OkStatus());
  EXPECT_TRUE(std::ranges::equal(*memory.Span(kMiB, large.size()), large));
  EXPECT_EQ(*memory.Load<uint8_t>(kMiB + large.size()), 0);
}

TEST(ElfImageTest, RefusesAPlaceThatIsNotTheKernels) {
  const GuestRange range{.address = 0, .size = 4 * kMiB};
  auto memory = *GuestMemory::Create(std::span(&range, 1), {});
  const auto load = [&](uint64_t address, uint64_t size) {
    const Parsed parsed = Parse(ElfBuilder().Load(address, kCode, size).Build());
    const absl::Status loaded = parsed.image->Load(*parsed.file, memory, kMiB, 4 * kMiB);
    return std::string(ToStd(loaded.message()));
  };
  EXPECT_EQ(load(kMiB, 3 * kMiB), "");
  EXPECT_THAT(load(kMiB - 1, 100), HasSubstr("link it to 0x100000 or above"));
  EXPECT_THAT(load(kMiB, 3 * kMiB + 1), HasSubstr("give the VM more"));
  EXPECT_THAT(load(uint64_t{1} << 63, 100), HasSubstr("give the VM more"));
}

TEST(ElfImageTest, RefusesGarbage) {
  EXPECT_THAT(Refusal(std::vector<std::byte>()), IsDamage("empty"));
  EXPECT_THAT(Refusal(std::vector<std::byte>(10)), IsDamage("cut off"));
}

TEST(ElfImageTest, RefusesAnotherMachine) {
  ElfBuilder builder = Good();
  builder.header().e_machine = EM_AARCH64;
  EXPECT_THAT(Refusal(builder), HasSubstr("kernel \"test.elf\": it is an ELF file for another"));
  builder = Good();
  builder.header().e_ident[EI_CLASS] = ELFCLASS32;
  EXPECT_THAT(Refusal(builder), HasSubstr("for another machine"));
  builder = Good();
  builder.header().e_ident[EI_DATA] = ELFDATA2MSB;
  EXPECT_THAT(Refusal(builder), HasSubstr("for another machine"));
}

TEST(ElfImageTest, RefusesWhatIsNoExecutable) {
  ElfBuilder builder = Good();
  builder.header().e_type = ET_REL;
  EXPECT_THAT(Refusal(builder), HasSubstr("link it first"));
  EXPECT_THAT(Refusal(ElfBuilder().PvhNote(kMiB)),
              AllOf(HasSubstr("nothing to load"), HasSubstr("name a kernel")));
}

TEST(ElfImageTest, RefusesImpossibleProgramHeaders) {
  ElfBuilder builder = Good();
  builder.header().e_phnum = 65535;
  EXPECT_THAT(Refusal(builder), IsDamage("claims 65535 program headers"));
  builder = Good();
  builder.header().e_phentsize = 1;
  EXPECT_THAT(Refusal(builder), IsDamage("of 1 bytes"));
  builder = Good();
  builder.header().e_phoff = UINT64_MAX - 8;
  EXPECT_THAT(Refusal(builder), IsDamage("cut off"));
}

TEST(ElfImageTest, RefusesSegmentsBeyondTheFile) {
  ElfBuilder builder = Good();
  builder.program_headers()[0].p_filesz = 1 << 30;
  builder.program_headers()[0].p_memsz = 1 << 30;
  EXPECT_THAT(Refusal(builder), IsDamage("cut off"));
  builder = Good();
  builder.program_headers()[0].p_offset = UINT64_MAX - 1;
  EXPECT_THAT(Refusal(builder), IsDamage("cut off"));
}

TEST(ElfImageTest, RefusesATruncatedFile) {
  std::vector<std::byte> file = Good().Build();
  file.resize(file.size() - 1);
  EXPECT_THAT(Refusal(file), IsDamage("cut off"));
}

TEST(ElfImageTest, RefusesImpossibleSizes) {
  ElfBuilder builder = Good();
  builder.program_headers()[0].p_memsz = 1;
  EXPECT_THAT(Refusal(builder), IsDamage("impossible size"));
  builder = Good();
  builder.program_headers()[0].p_memsz = UINT64_MAX;
  EXPECT_THAT(Refusal(builder), IsDamage("impossible size"));
}

TEST(ElfImageTest, RefusesOverlappingSegments) {
  ElfBuilder builder = Good();
  builder.Load(kMiB + 2, kCode);
  EXPECT_THAT(Refusal(builder), IsDamage("overlap"));
}

TEST(ElfImageTest, RefusesHugeNotes) {
  ElfBuilder builder = Good();
  const std::vector<std::byte> large(kMiB);
  builder.Load(2 * kMiB, large);
  builder.program_headers()[1].p_filesz = kMiB;
  EXPECT_THAT(Refusal(builder), IsDamage("notes take"));
}

TEST(ElfImageTest, NotesThatLieAboutTheirSizeAreNoNotes) {
  ElfBuilder builder = Good();
  builder.program_headers()[1].p_filesz = 17;
  const Parsed parsed = Parse(builder.Build());
  ASSERT_TRUE(parsed.image.ok());
  EXPECT_EQ(parsed.image->pvh_entry(), std::nullopt);
}

}  // namespace
}  // namespace mayfly::vmm
