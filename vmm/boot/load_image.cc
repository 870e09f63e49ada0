#include "vmm/boot/load_image.h"

#include "base/file_io.h"
#include "base/status.h"

namespace mayfly::vmm {
namespace {

// Below this, one pread(2) beats an mmap(2) with its page faults and its split of the guest's memory area.
constexpr uint64_t kMapFrom = 256 * uint64_t{1024};

}  // namespace

absl::Status LoadImage(GuestMemory& memory, uint64_t address, int fd, uint64_t offset,
                       uint64_t size) {
  if (size >= kMapFrom) return memory.MapImage(address, fd, offset, size);
  MAYFLY_ASSIGN_OR_RETURN(const auto target, memory.Span(address, size));
  return ReadFully(fd, offset, target);
}

}  // namespace mayfly::vmm
