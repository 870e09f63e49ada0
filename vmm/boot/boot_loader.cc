#include "vmm/boot/boot_loader.h"

#include <algorithm>

#include "base/checked.h"
#include "base/status.h"
#include "vmm/boot/bz_image.h"
#include "vmm/boot/command_line.h"
#include "vmm/boot/damaged_image.h"
#include "vmm/boot/elf_image.h"
#include "vmm/boot/image_file.h"
#include "vmm/boot/initrd.h"
#include "vmm/boot/linux_boot.h"
#include "vmm/boot/pvh_boot.h"
#include "vmm/layout.h"

namespace mayfly::vmm {
namespace {

// What the kernel's format leaves to the rest.
struct Room {
  uint64_t kernel_end = 0;
  uint64_t initrd_ceiling = 0;
  uint64_t command_line_limit = kLinuxCommandLineLimit;
};

absl::StatusOr<BootParams> LoadParams(const BootSource& source, const GuestMemory& memory,
                                      const Room& room) {
  BootParams params;
  params.memory_map = MemoryMap(memory);
  params.rsdp = source.rsdp;
  MAYFLY_ASSIGN_OR_RETURN(params.command_line,
                          WriteCommandLine(memory, source.command_line, room.command_line_limit));
  if (source.initrd) {
    MAYFLY_ASSIGN_OR_RETURN(const ImageFile file, ImageFile::Open(source.initrd->fd.get(), "initrd",
                                                                  source.initrd->name));
    const uint64_t ceiling = std::min(room.initrd_ceiling, LowRamEnd(memory));
    MAYFLY_ASSIGN_OR_RETURN(params.initrd, LoadInitrd(file, memory, room.kernel_end, ceiling));
  }
  return params;
}

absl::StatusOr<BootEntry> BootBzImage(const BootSource& source, const ImageFile& file,
                                      const GuestMemory& memory) {
  if (source.protocol == BootProtocol::kPvh) {
    return file.Bad(
        "it is a bzImage, which has no PVH entry: boot it by linux64 or auto, or give "
        "the vmlinux it was made from");
  }
  MAYFLY_ASSIGN_OR_RETURN(const BzImage image, BzImage::Parse(file));
  MAYFLY_ASSIGN_OR_RETURN(const GuestRange place,
                          image.Place(file, layout::kHighMemory, LowRamEnd(memory)));
  MAYFLY_RETURN_IF_ERROR(image.Load(file, memory, place.address));
  MAYFLY_ASSIGN_OR_RETURN(const BootParams params,
                          LoadParams(source, memory,
                                     {.kernel_end = place.address + place.size,
                                      .initrd_ceiling = image.initrd_ceiling(),
                                      .command_line_limit = image.command_line_limit()}));
  return PrepareLinuxBoot(memory, params, image.header(), BzImage::EntryOf(place.address));
}

absl::StatusOr<BootEntry> BootElf(const BootSource& source, const ImageFile& file,
                                  const GuestMemory& memory) {
  MAYFLY_ASSIGN_OR_RETURN(const ElfImage image, ElfImage::Parse(file));
  if (source.protocol == BootProtocol::kPvh && !image.pvh_entry()) {
    return file.Bad(
        "it has no PVH entry (a note of Xen, type 18): build Linux with CONFIG_PVH=y, "
        "or boot it by linux64");
  }
  const bool pvh = source.protocol != BootProtocol::kLinux64 && image.pvh_entry().has_value();
  const uint64_t entry = pvh ? *image.pvh_entry() : image.entry();
  if (!image.Covers(entry)) {
    return DamagedImage(file, "its entry point lies outside of what it loads");
  }
  MAYFLY_RETURN_IF_ERROR(image.Load(file, memory, layout::kHighMemory, LowRamEnd(memory)));
  MAYFLY_ASSIGN_OR_RETURN(
      const BootParams params,
      LoadParams(source, memory, {.kernel_end = image.end(), .initrd_ceiling = LowRamEnd(memory)}));
  if (pvh) return PreparePvhBoot(memory, params, static_cast<uint32_t>(entry));
  return PrepareLinuxBoot(memory, params, DefaultSetupHeader(), entry);
}

}  // namespace

absl::StatusOr<BootEntry> LoadBootImages(const BootSource& source, const GuestMemory& memory) {
  MAYFLY_ASSIGN_OR_RETURN(const ImageFile file,
                          ImageFile::Open(source.kernel.fd.get(), "kernel", source.kernel.name));
  if (ElfImage::Matches(file)) return BootElf(source, file, memory);
  if (BzImage::Matches(file)) return BootBzImage(source, file, memory);
  return file.Bad(
      "it is neither an ELF executable nor a Linux bzImage: give the VM a kernel for "
      "64-bit x86");
}

}  // namespace mayfly::vmm
