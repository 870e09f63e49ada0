#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/guest_memory.h"
#include "vmm/boot/image_file.h"

namespace mayfly::vmm {

// An x86-64 ELF executable, checked: what to load where, and the places to enter it. Hostile files
// are its daily bread.
class ElfImage final {
 public:
  // PT_LOAD: `file_size` bytes from `file_offset` go to `address`; zeros follow up to
  // `memory_size`.
  struct Segment {
    uint64_t address = 0;
    uint64_t file_offset = 0;
    uint64_t file_size = 0;
    uint64_t memory_size = 0;
  };

  // Whether the file begins as ELF files do.
  [[nodiscard]] static bool Matches(const ImageFile& file);
  // Errors: InvalidArgument saying what is wrong with the file.
  [[nodiscard]] static absl::StatusOr<ElfImage> Parse(const ImageFile& file);

  // Ascending in address, not overlapping, within 64 bits, each within the file.
  [[nodiscard]] const std::vector<Segment>& segments() const { return segments_; }
  // Where the last segment ends.
  [[nodiscard]] uint64_t end() const;
  // Whether a segment has `address`.
  [[nodiscard]] bool Covers(uint64_t address) const;
  // The ELF entry: for Linux, startup_64 of the 64-bit boot protocol.
  [[nodiscard]] uint64_t entry() const { return entry_; }
  // XEN_ELFNOTE_PHYS32_ENTRY: where PVH enters, in 32-bit protected mode.
  [[nodiscard]] std::optional<uint32_t> pvh_entry() const { return pvh_entry_; }

  // Puts the segments into guest memory, which is fresh (the zeros are not written). They must lie
  // in [floor, ceiling). Errors: InvalidArgument with the remedy.
  [[nodiscard]] absl::Status Load(const ImageFile& file, const GuestMemory& memory, uint64_t floor,
                                  uint64_t ceiling) const;

 private:
  ElfImage() = default;
  std::vector<Segment> segments_;
  uint64_t entry_ = 0;
  std::optional<uint32_t> pvh_entry_;
};

}  // namespace mayfly::vmm
