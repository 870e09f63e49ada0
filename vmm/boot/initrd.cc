#include "vmm/boot/initrd.h"

#include "absl/strings/str_format.h"
#include "base/checked.h"
#include "base/status.h"
#include "vmm/boot/load_image.h"
#include "vmm/layout.h"

namespace mayfly::vmm {

absl::StatusOr<GuestRange> LoadInitrd(const ImageFile& file, const GuestMemory& memory,
                                      uint64_t floor, uint64_t ceiling) {
  const uint64_t size = file.size();
  const uint64_t address = size <= ceiling ? AlignDown(ceiling - size, kPageSize) : 0;
  if (address < floor) {
    return file.Bad(absl::StrFormat(
        "its %u MiB do not fit between the kernel's end at %u MiB and %u MiB, where the memory "
        "that the kernel takes an initrd in ends: give the VM more memory, or make it smaller",
        (size + layout::kMiB - 1) / layout::kMiB, (floor + layout::kMiB - 1) / layout::kMiB,
        ceiling / layout::kMiB));
  }
  MAYFLY_RETURN_IF_ERROR(file.Annotated(LoadImage(memory, address, file.fd(), 0, size)));
  return GuestRange{.address = address, .size = size};
}

}  // namespace mayfly::vmm
