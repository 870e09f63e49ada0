// An ELF file of arbitrary bytes is parsed and loaded: whatever it claims, only the place it was
// given is touched.

#include <cstdint>

#include "base/testing/fuzz_target.h"
#include "vmm/boot/elf_image.h"
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
  const auto image = ElfImage::Parse(*file);
  if (!image.ok()) return;
  uint64_t end = 0;
  for (const ElfImage::Segment& segment : image->segments()) {
    Require(segment.address >= end);
    Require(segment.memory_size >= segment.file_size);
    end = segment.address + segment.memory_size;
    Require(end >= segment.address);
  }
  Require(end == image->end());
  auto memory = GuestMemory::Create(std::span(&kRange, 1), {});
  Require(memory.ok());
  const bool fits = image->segments().front().address >= layout::kHighMemory && end <= kRange.size;
  Require(image->Load(*file, *memory, layout::kHighMemory, kRange.size).ok() == fits);
}

}  // namespace
}  // namespace mayfly::vmm

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mayfly::vmm::Run({data, size});
  return 0;
}
