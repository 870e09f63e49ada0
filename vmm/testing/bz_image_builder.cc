#include "vmm/testing/bz_image_builder.h"

#include <algorithm>
#include <cstring>

namespace mayfly::vmm::testing {
namespace {

constexpr size_t kSector = 512;
constexpr size_t kHeaderLengthOffset = 0x201;

}  // namespace

setup_header DefaultBzHeader() {
  setup_header header{};
  header.setup_sects = 1;
  header.boot_flag = 0xaa55;
  header.jump = static_cast<uint16_t>((sizeof header - 0x11) << 8 | 0xeb);
  header.header = 0x53726448;
  header.version = 0x020f;
  header.loadflags = 1;
  header.initrd_addr_max = 0x7fffffff;
  header.kernel_alignment = 0x200000;
  header.relocatable_kernel = 1;
  header.xloadflags = XLF_KERNEL_64;
  header.cmdline_size = 2047;
  header.pref_address = 0x1000000;
  header.init_size = 0x400000;
  return header;
}

std::vector<std::byte> BuildBzImage(const setup_header& header,
                                    std::span<const std::byte> payload) {
  constexpr size_t kUnit = 16;
  setup_header complete = header;
  if (complete.syssize == 0) {
    complete.syssize = static_cast<uint32_t>((payload.size() + kUnit - 1) / kUnit);
  }
  std::vector<std::byte> file((size_t{header.setup_sects} + 1) * kSector);
  file.resize(std::max(file.size(), offsetof(boot_params, hdr) + sizeof complete));
  std::memcpy(file.data() + offsetof(boot_params, hdr), &complete, sizeof complete);
  static_assert(offsetof(boot_params, hdr) + offsetof(setup_header, jump) + 1 ==
                kHeaderLengthOffset);
  file.insert(file.end(), payload.begin(), payload.end());
  return file;
}

}  // namespace mayfly::vmm::testing
