#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace mayfly::init {

// How much of the beginning of a device tells its file system.
inline constexpr std::size_t kSuperblockReach = 0x10048;

// The file system that the first bytes of a device are of: ext4, erofs, squashfs, xfs or btrfs;
// empty for any other. Asking is better than trying: each failed mount leaves lines on the console.
[[nodiscard]] std::string_view FileSystemType(std::span<const std::uint8_t> beginning);

}  // namespace mayfly::init
