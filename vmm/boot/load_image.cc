#include "vmm/boot/load_image.h"

#include "base/file_io.h"
#include "base/status.h"

namespace mayfly::vmm {

// Reading beats mapping the file copy-on-write, though it copies: an 18 MB vmlinux takes 59 million
// instructions to its init when it was read, 85 when it was mapped (nested testbed, ICOUNT=1),
// because mapped pages come into the guest one by one, read ones by transparent huge pages. And a
// file that changes later does not change the guest.
absl::Status LoadImage(const GuestMemory& memory, uint64_t address, int fd, uint64_t offset,
                       uint64_t size) {
  MAYFLY_ASSIGN_OR_RETURN(const auto target, memory.Span(address, size));
  return ReadFully(fd, offset, target);
}

}  // namespace mayfly::vmm
