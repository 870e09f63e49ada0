#pragma once

#include <asm/bootparam.h>

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/guest_memory.h"
#include "vmm/boot/image_file.h"

namespace mayfly::vmm {

// A Linux bzImage of boot protocol 2.12 (Linux 3.8) or later with a 64-bit entry, checked.
class BzImage final {
 public:
  // Whether the file has the signature of a Linux boot sector with a setup header.
  [[nodiscard]] static bool Matches(const ImageFile& file);
  // Errors: InvalidArgument saying what is wrong with the file.
  [[nodiscard]] static absl::StatusOr<BzImage> Parse(const ImageFile& file);

  // As the kernel brought it: what the zero page begins with.
  [[nodiscard]] const setup_header& header() const { return header_; }
  // The longest command line, in bytes without the NUL.
  [[nodiscard]] uint64_t command_line_limit() const { return header_.cmdline_size; }
  // The first address that an initrd must not touch.
  [[nodiscard]] uint64_t initrd_ceiling() const { return uint64_t{header_.initrd_addr_max} + 1; }

  // What it takes in [floor, ceiling) until it has unpacked itself: at its preferred address, or
  // where it fits if the kernel is relocatable. Errors: InvalidArgument with the remedy.
  [[nodiscard]] absl::StatusOr<GuestRange> Place(const ImageFile& file, uint64_t floor,
                                                 uint64_t ceiling) const;
  // Puts the protected-mode part at `address`.
  [[nodiscard]] absl::Status Load(const ImageFile& file, const GuestMemory& memory,
                                  uint64_t address) const;
  // The 64-bit entry of an image loaded at `address`.
  [[nodiscard]] static uint64_t EntryOf(uint64_t address);

 private:
  BzImage() = default;
  setup_header header_{};
  uint64_t payload_offset_ = 0;  // in the file, of the protected-mode part
  uint64_t payload_size_ = 0;
};

}  // namespace mayfly::vmm
