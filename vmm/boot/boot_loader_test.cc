#include "vmm/boot/boot_loader.h"

#include <asm/bootparam.h>
#include <fcntl.h>

#include <algorithm>
#include <array>

#include "base/checked.h"
#include "base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vmm/layout.h"
#include "vmm/testing/bz_image_builder.h"
#include "vmm/testing/elf_builder.h"
#include "vmm/testing/memory_file.h"

namespace mayfly::vmm {
namespace {

using testing::BuildBzImage;
using testing::DefaultBzHeader;
using testing::ElfBuilder;
using ::testing::HasSubstr;
using testing::MemoryFile;

constexpr std::array kCode = {std::byte{0xf4}, std::byte{0xeb}, std::byte{0xfd}};
constexpr uint64_t kRsdp = 0xe0000;

// A field of a packed struct, which no reference may be bound to.
template <typename Field>
[[nodiscard]] Field ValueOf(Field field) {
  return field;
}

class BootLoaderTest : public ::testing::Test {
 protected:
  void Kernel(const std::vector<std::byte>& content) {
    kernel_ = {.fd = MemoryFile(content), .name = "vmlinux"};
  }
  void Initrd(size_t size) {
    initrd_ = NamedFd{.fd = MemoryFile(std::vector<std::byte>(size, std::byte{0x77})),
                      .name = "initrd.cpio"};
  }
  absl::StatusOr<BootEntry> Boot(BootProtocol protocol = BootProtocol::kAuto) {
    return LoadBootImages({.kernel = kernel_,
                           .initrd = initrd_,
                           .command_line = "quiet",
                           .protocol = protocol,
                           .rsdp = kRsdp},
                          memory_);
  }
  std::string Refusal(BootProtocol protocol = BootProtocol::kAuto) {
    return std::string(ToStd(Boot(protocol).status().message()));
  }

  static constexpr GuestRange kRange{.address = 0, .size = 32 * layout::kMiB};
  GuestMemory memory_ = *GuestMemory::Create(std::span(&kRange, 1), {});
  NamedFd kernel_;
  std::optional<NamedFd> initrd_;
};

TEST_F(BootLoaderTest, AnElfWithANoteBootsByPvh) {
  Kernel(ElfBuilder::Kernel(kCode));
  Initrd(10000);
  const auto entry = Boot();
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->mode, EntryMode::kProtected32);
  EXPECT_EQ(entry->instruction, ElfBuilder::kKernelAddress);

  // struct hvm_start_info, field by field.
  const uint64_t info = entry->argument;
  EXPECT_EQ(*memory_.Load<uint32_t>(info), 0x336ec578);
  EXPECT_EQ(*memory_.Load<uint32_t>(info + 4), 1);
  EXPECT_EQ(*memory_.Load<uint32_t>(info + 12), 1) << "modules";
  const uint64_t module = *memory_.Load<uint64_t>(info + 16);
  EXPECT_EQ(*memory_.Load<uint64_t>(info + 24), layout::kCommandLine);
  EXPECT_EQ(*memory_.Load<uint64_t>(info + 32), kRsdp);
  const uint64_t map = *memory_.Load<uint64_t>(info + 40);
  EXPECT_EQ(*memory_.Load<uint32_t>(info + 48), 3) << "ranges of the memory map";

  const uint64_t initrd = *memory_.Load<uint64_t>(module);
  EXPECT_EQ(*memory_.Load<uint64_t>(module + 8), 10000);
  EXPECT_EQ(initrd % kPageSize, 0);
  EXPECT_EQ(initrd, AlignDown(kRange.size - 10000, kPageSize)) << "as high as it goes";
  EXPECT_EQ(*memory_.Load<uint8_t>(initrd + 9999), 0x77);

  constexpr uint64_t kEntrySize = 24;
  EXPECT_EQ(*memory_.Load<uint64_t>(map + 2 * kEntrySize), layout::kHighMemory);
  EXPECT_EQ(*memory_.Load<uint64_t>(map + 2 * kEntrySize + 8), kRange.size - layout::kHighMemory);
  EXPECT_EQ(*memory_.Load<uint32_t>(map + 2 * kEntrySize + 16), 1) << "RAM";
}

TEST_F(BootLoaderTest, AnElfBootsByTheLinuxProtocolWhenAsked) {
  Kernel(ElfBuilder::Kernel(kCode));
  Initrd(100);
  const auto entry = Boot(BootProtocol::kLinux64);
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->mode, EntryMode::kLong64);
  EXPECT_EQ(entry->instruction, ElfBuilder::kKernelAddress);
  const auto zero_page = *memory_.Load<boot_params>(entry->argument);
  EXPECT_EQ(ValueOf(zero_page.hdr.header), 0x53726448);
  EXPECT_EQ(ValueOf(zero_page.hdr.cmd_line_ptr), layout::kCommandLine);
  EXPECT_EQ(ValueOf(zero_page.hdr.ramdisk_size), 100);
  EXPECT_EQ(*memory_.Load<uint8_t>(zero_page.hdr.ramdisk_image), 0x77);
  EXPECT_EQ(ValueOf(zero_page.acpi_rsdp_addr), kRsdp);
  EXPECT_EQ(ValueOf(zero_page.e820_entries), 3);
  EXPECT_EQ(ValueOf(zero_page.e820_table[0].size), layout::kLowMemoryEnd);
}

TEST_F(BootLoaderTest, TheIdentityMapReaches4GiB) {
  Kernel(ElfBuilder::Kernel(kCode));
  ASSERT_TRUE(Boot(BootProtocol::kLinux64).ok());
  // Walks the tables as the CPU would: 9 bits a level, 2 MiB pages.
  for (const uint64_t address :
       {uint64_t{0}, layout::kHighMemory, layout::kHole, layout::kHoleEnd - 1}) {
    constexpr uint64_t kFrame = ~uint64_t{0xfff};
    const auto level = [&](uint64_t table, unsigned shift) {
      return *memory_.Load<uint64_t>((table & kFrame) + (address >> shift) % 512 * 8);
    };
    const uint64_t pdpt = level(layout::kPageTables, 39);
    const uint64_t directory = level(pdpt, 30);
    const uint64_t page = level(directory, 21);
    EXPECT_EQ(pdpt & 3, 3);
    EXPECT_EQ(directory & 3, 3);
    EXPECT_EQ(page & 0x83, 0x83);
    EXPECT_EQ(page >> 21, address >> 21);
  }
}

TEST_F(BootLoaderTest, AnElfWithoutANoteBootsByTheLinuxProtocol) {
  Kernel(ElfBuilder().Load(layout::kHighMemory, kCode).Entry(layout::kHighMemory).Build());
  EXPECT_EQ(Boot()->mode, EntryMode::kLong64);
  EXPECT_THAT(Refusal(BootProtocol::kPvh), HasSubstr("no PVH entry"));
}

TEST_F(BootLoaderTest, ABzImageKeepsItsHeader) {
  setup_header header = DefaultBzHeader();
  header.hardware_subarch_data = 0x1234;
  Kernel(BuildBzImage(header, std::vector<std::byte>(1000)));
  const auto entry = Boot();
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->mode, EntryMode::kLong64);
  EXPECT_EQ(entry->instruction, header.pref_address + 0x200);
  const auto zero_page = *memory_.Load<boot_params>(entry->argument);
  EXPECT_EQ(ValueOf(zero_page.hdr.hardware_subarch_data), 0x1234);
  EXPECT_EQ(ValueOf(zero_page.hdr.type_of_loader), 0xff);
  EXPECT_THAT(Refusal(BootProtocol::kPvh), HasSubstr("has no PVH entry"));
}

TEST_F(BootLoaderTest, AnEntryOutsideOfTheImageIsRefused) {
  Kernel(ElfBuilder().Load(layout::kHighMemory, kCode).Entry(0).Build());
  EXPECT_THAT(Refusal(),
              HasSubstr("entry point lies outside of what it loads; copy or build it again"));
}

TEST_F(BootLoaderTest, AnInitrdThatDoesNotFitIsRefused) {
  Kernel(BuildBzImage(DefaultBzHeader(), std::vector<std::byte>(1000)));
  Initrd(13 * layout::kMiB);
  EXPECT_THAT(Refusal(), HasSubstr("initrd \"initrd.cpio\": its 13 MiB do not fit between the "
                                   "kernel's end at 20 MiB and 32 MiB"));
}

TEST_F(BootLoaderTest, AnInitrdStaysBelowTheKernelsLimit) {
  setup_header header = DefaultBzHeader();
  header.initrd_addr_max = 0x17fffff;
  Kernel(BuildBzImage(header, std::vector<std::byte>(1000)));
  Initrd(kPageSize);
  const auto entry = Boot();
  ASSERT_TRUE(entry.ok());
  EXPECT_EQ(ValueOf(memory_.Load<boot_params>(entry->argument)->hdr.ramdisk_image), 0x17ff000);
}

TEST_F(BootLoaderTest, GarbageIsRefused) {
  Kernel(std::vector<std::byte>(5000, std::byte{'x'}));
  EXPECT_THAT(Refusal(), HasSubstr("kernel \"vmlinux\": it is neither an ELF executable nor"));
  kernel_ = {.fd = OwnedFd(::open("/", O_RDONLY | O_CLOEXEC)), .name = "/"};
  EXPECT_THAT(Refusal(), HasSubstr("kernel \"/\": it is a directory: name a file"));
  Kernel({});
  EXPECT_THAT(Refusal(), HasSubstr("the file is empty; copy or build it again"));
}

}  // namespace
}  // namespace mayfly::vmm
