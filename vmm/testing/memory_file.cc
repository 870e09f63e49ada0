#include "vmm/testing/memory_file.h"

#include <sys/mman.h>

#include <cstdlib>

#include "base/file_io.h"

namespace mayfly::vmm::testing {

OwnedFd MemoryFile(std::span<const std::byte> content) {
  OwnedFd fd(::memfd_create("test-file", MFD_CLOEXEC));
  if (!fd.valid() || !WriteFully(fd.get(), 0, content).ok()) std::abort();
  return fd;
}

}  // namespace mayfly::vmm::testing
