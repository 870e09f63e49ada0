#include "vmm/boot/bz_image.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/checked.h"
#include "vmm/boot/damaged_image.h"
#include "vmm/boot/load_image.h"
#include "vmm/layout.h"

namespace mayfly::vmm {
namespace {

// Offsets and values of Documentation/arch/x86/boot.rst.
constexpr size_t kHeaderOffset = offsetof(boot_params, hdr);  // 0x1f1
constexpr uint16_t kBootFlag = 0xaa55;
constexpr uint32_t kHeaderMagic = 0x53726448;  // "HdrS"
constexpr uint16_t kProtocol212 = 0x020c;
constexpr uint64_t kSectorSize = 512;
constexpr uint8_t kDefaultSetupSectors = 4;  // what a zero means
// The header's own length: the byte at 0x201 counts from 0x202.
constexpr size_t kJumpEnd = 0x202;
constexpr size_t kJumpLength = 0x201;
constexpr uint64_t kEntry64Offset = 0x200;

// The header as far as both the file has it and we know it.
setup_header ReadHeader(std::span<const std::byte> head) {
  setup_header header{};
  const size_t claimed = kJumpEnd + std::to_integer<size_t>(head[kJumpLength]) - kHeaderOffset;
  const size_t size = std::min({claimed, sizeof header, head.size() - kHeaderOffset});
  std::memcpy(&header, head.data() + kHeaderOffset, size);
  return header;
}

}  // namespace

bool BzImage::Matches(const ImageFile& file) {
  if (file.head().size() < kHeaderOffset + sizeof(setup_header)) return false;
  const setup_header header = ReadHeader(file.head());
  return header.boot_flag == kBootFlag && header.header == kHeaderMagic;
}

absl::StatusOr<BzImage> BzImage::Parse(const ImageFile& file) {
  if (!Matches(file)) return file.Bad("it is not a Linux bzImage");
  BzImage image;
  image.header_ = ReadHeader(file.head());
  const setup_header& header = image.header_;
  if (header.version < kProtocol212) {
    return file.Bad(
        absl::StrFormat("it speaks version %u.%02u of the Linux boot protocol; Mayfly "
                        "needs 2.12 (Linux 3.8) or later",
                        header.version >> 8, header.version & 0xff));
  }
  if ((header.xloadflags & XLF_KERNEL_64) == 0) {
    return file.Bad("it is a 32-bit kernel: build it for x86_64");
  }
  if (header.init_size == 0 || !std::has_single_bit(header.kernel_alignment) ||
      header.cmdline_size == 0) {
    return DamagedImage(file, "its setup header makes no sense");
  }
  const uint64_t sectors = header.setup_sects == 0 ? kDefaultSetupSectors : header.setup_sects;
  image.payload_offset_ = (sectors + 1) * kSectorSize;
  if (image.payload_offset_ + kEntry64Offset >= file.size()) {
    return DamagedImage(file,
                        absl::StrFormat("it is cut off: %u bytes, but the kernel begins at byte %u",
                                        file.size(), image.payload_offset_));
  }
  // syssize counts 16-byte units of the protected-mode part, rounded up; what signing tools append
  // lies behind it.
  constexpr uint64_t kUnit = 16;
  const uint64_t claimed = uint64_t{header.syssize} * kUnit;
  image.payload_size_ = file.size() - image.payload_offset_;
  if (claimed >= image.payload_size_ + kUnit) {
    return DamagedImage(
        file, absl::StrFormat("it is cut off: %u bytes of kernel, but its header promises %u",
                              image.payload_size_, claimed));
  }
  if (image.payload_size_ > header.init_size) {
    return DamagedImage(file, "it is larger than the memory it says it needs");
  }
  return image;
}

absl::StatusOr<GuestRange> BzImage::Place(const ImageFile& file, uint64_t floor,
                                          uint64_t ceiling) const {
  const uint64_t size = header_.init_size;
  const uint64_t preferred = header_.pref_address;
  if (preferred >= floor && RangeWithin(preferred, size, ceiling)) {
    return GuestRange{.address = preferred, .size = size};
  }
  if (header_.relocatable_kernel != 0) {
    const uint64_t lowest = *AlignUp<uint64_t>(floor, header_.kernel_alignment);
    if (RangeWithin(lowest, size, ceiling)) return GuestRange{.address = lowest, .size = size};
  }
  return file.Bad(absl::StrFormat(
      "it needs %u MiB of memory from %#x on to unpack itself, but the VM's ends at %u MiB: give "
      "the VM more memory",
      (size + layout::kMiB - 1) / layout::kMiB, preferred, ceiling / layout::kMiB));
}

absl::Status BzImage::Load(const ImageFile& file, const GuestMemory& memory,
                           uint64_t address) const {
  return file.Annotated(LoadImage(memory, address, file.fd(), payload_offset_, payload_size_));
}

uint64_t BzImage::EntryOf(uint64_t address) { return address + kEntry64Offset; }

}  // namespace mayfly::vmm
