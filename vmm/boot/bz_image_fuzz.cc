// A bzImage of arbitrary bytes is parsed, placed and loaded: whatever it claims, only the place it
// was given is touched.

#include <cstdint>

#include "base/testing/fuzz_target.h"
#include "vmm/boot/bz_image.h"
#include "vmm/layout.h"
#include "vmm/testing/memory_file.h"

namespace mayfly::vmm {
namespace {

constexpr GuestRange kRange{.address = 0, .size = layout::kMinMemory};

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

void Run(std::span<const uint8_t> input) {
  const OwnedFd fd = testing::MemoryFile(std::as_bytes(input));
  const auto file = ImageFile::Open(fd.get(), "kernel", "fuzz");
  if (!file.ok()) return;
  const auto image = BzImage::Parse(*file);
  if (!image.ok()) return;
  const auto place = image->Place(*file, layout::kHighMemory, kRange.size);
  if (!place.ok()) return;
  Require(place->address >= layout::kHighMemory);
  Require(place->address + place->size <= kRange.size);
  auto memory = GuestMemory::Create(std::span(&kRange, 1), {});
  Require(memory.ok());
  Require(image->Load(*file, *memory, place->address).ok());
}

}  // namespace
}  // namespace mayfly::vmm

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mayfly::vmm::Run({data, size});
  return 0;
}
