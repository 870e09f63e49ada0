#include "images/init/superblock.h"

#include <algorithm>

namespace mayfly::init {
namespace {

using namespace std::string_view_literals;

struct Magic final {
  std::size_t offset;
  std::string_view bytes;
  std::string_view type;
};

// Linux' include/uapi/linux/magic.h, and each file system's own superblock for the offset.
constexpr Magic kMagics[] = {
    {0x438, "\x53\xef"sv, "ext4"sv},    {0x400, "\xe2\xe1\xf5\xe0"sv, "erofs"sv},
    {0, "hsqs"sv, "squashfs"sv},        {0, "XFSB"sv, "xfs"sv},
    {0x10040, "_BHRfS_M"sv, "btrfs"sv},
};

}  // namespace

std::string_view FileSystemType(std::span<const std::uint8_t> beginning) {
  for (const Magic& magic : kMagics) {
    if (beginning.size() < magic.offset + magic.bytes.size()) continue;
    const auto found = beginning.subspan(magic.offset, magic.bytes.size());
    if (std::equal(found.begin(), found.end(), magic.bytes.begin(),
                   [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); })) {
      return magic.type;
    }
  }
  return {};
}

}  // namespace mayfly::init
