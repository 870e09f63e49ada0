#include "vmm/boot/elf_image.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/checked.h"
#include "base/status.h"
#include "vmm/boot/damaged_image.h"
#include "vmm/boot/load_image.h"

namespace mayfly::vmm {
namespace {

// A kernel has a handful; PN_XNUM and other games end here.
constexpr uint16_t kMaxProgramHeaders = 64;
// Linux' notes take some hundred bytes.
constexpr uint64_t kMaxNotes = 64 * uint64_t{1024};
// xen/include/public/elfnote.h: the PVH entry point.
constexpr uint32_t kXenNotePhys32Entry = 18;
constexpr std::string_view kXenNoteName("Xen\0", 4);

absl::Status CheckHeader(const ImageFile& file, const Elf64_Ehdr& header) {
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != EM_X86_64) {
    return file.Bad("it is an ELF file for another machine: build it for 64-bit x86");
  }
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) {
    return file.Bad("it is an ELF file, but not an executable: link it first");
  }
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 ||
      header.e_phnum > kMaxProgramHeaders) {
    return DamagedImage(file, absl::StrFormat("its ELF header claims %u program headers of %u "
                                              "bytes; a kernel has 1 to %u of %u bytes",
                                              header.e_phnum, header.e_phentsize,
                                              kMaxProgramHeaders, sizeof(Elf64_Phdr)));
  }
  return absl::OkStatus();
}

absl::StatusOr<ElfImage::Segment> CheckSegment(const ImageFile& file, const Elf64_Phdr& header) {
  if (!RangeWithin(header.p_offset, header.p_filesz, file.size())) {
    return DamagedImage(
        file, absl::StrFormat("it is cut off: %u bytes, but a segment takes %u bytes from byte %u",
                              file.size(), header.p_filesz, header.p_offset));
  }
  if (header.p_memsz < header.p_filesz || !CheckedAdd(header.p_paddr, header.p_memsz)) {
    return DamagedImage(
        file, absl::StrFormat("its segment at %#x has an impossible size (%u bytes in the "
                              "file, %u in memory)",
                              header.p_paddr, header.p_filesz, header.p_memsz));
  }
  return ElfImage::Segment{.address = header.p_paddr,
                           .file_offset = header.p_offset,
                           .file_size = header.p_filesz,
                           .memory_size = header.p_memsz};
}

// Walks the notes of one PT_NOTE segment. The PVH entry has 4 or 8 bytes (Linux writes 8 since it
// is 64-bit).
std::optional<uint32_t> FindPvhEntry(std::span<const std::byte> notes) {
  constexpr uint64_t kNoteAlignment = 4;
  while (notes.size() >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr header{};
    std::memcpy(&header, notes.data(), sizeof header);
    const uint64_t name_space = *AlignUp<uint64_t>(header.n_namesz, kNoteAlignment);
    const uint64_t value_begin = sizeof header + name_space;
    if (!RangeWithin(value_begin, header.n_descsz, notes.size())) return std::nullopt;
    const auto name = notes.subspan(sizeof header, header.n_namesz);
    const auto value = notes.subspan(value_begin, header.n_descsz);
    if (header.n_type == kXenNotePhys32Entry && name.size() == kXenNoteName.size() &&
        std::memcmp(name.data(), kXenNoteName.data(), name.size()) == 0 &&
        (value.size() == sizeof(uint32_t) || value.size() == sizeof(uint64_t))) {
      uint64_t entry = 0;
      std::memcpy(&entry, value.data(), value.size());
      return CheckedCast<uint32_t>(entry);
    }
    const uint64_t next = value_begin + *AlignUp<uint64_t>(header.n_descsz, kNoteAlignment);
    notes = notes.subspan(std::min<uint64_t>(next, notes.size()));
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<uint32_t>> ReadPvhEntry(const ImageFile& file,
                                                     const Elf64_Phdr& header) {
  if (header.p_filesz > kMaxNotes) {
    return DamagedImage(file,
                        absl::StrFormat("its notes take %u bytes; %u are enough for any kernel",
                                        header.p_filesz, kMaxNotes));
  }
  std::vector<std::byte> notes(header.p_filesz);
  MAYFLY_RETURN_IF_ERROR(file.ReadAt(header.p_offset, notes));
  return FindPvhEntry(notes);
}

}  // namespace

bool ElfImage::Matches(const ImageFile& file) {
  return file.head().size() >= SELFMAG && std::memcmp(file.head().data(), ELFMAG, SELFMAG) == 0;
}

absl::StatusOr<ElfImage> ElfImage::Parse(const ImageFile& file) {
  Elf64_Ehdr header{};
  MAYFLY_RETURN_IF_ERROR(file.ReadAt(0, std::as_writable_bytes(std::span(&header, 1))));
  MAYFLY_RETURN_IF_ERROR(CheckHeader(file, header));
  std::vector<Elf64_Phdr> program_headers(header.e_phnum);
  MAYFLY_RETURN_IF_ERROR(
      file.ReadAt(header.e_phoff, std::as_writable_bytes(std::span(program_headers))));

  ElfImage image;
  image.entry_ = header.e_entry;
  for (const Elf64_Phdr& program_header : program_headers) {
    if (program_header.p_type == PT_LOAD && program_header.p_memsz != 0) {
      MAYFLY_ASSIGN_OR_RETURN(const Segment segment, CheckSegment(file, program_header));
      image.segments_.push_back(segment);
    } else if (program_header.p_type == PT_NOTE && !image.pvh_entry_) {
      MAYFLY_ASSIGN_OR_RETURN(image.pvh_entry_, ReadPvhEntry(file, program_header));
    }
  }
  if (image.segments_.empty()) {
    return file.Bad("it has nothing to load (no PT_LOAD segment): name a kernel that was linked");
  }

  std::ranges::sort(image.segments_, {}, &Segment::address);
  for (size_t i = 1; i < image.segments_.size(); ++i) {
    const Segment& before = image.segments_[i - 1];
    if (image.segments_[i].address < before.address + before.memory_size) {
      return DamagedImage(
          file, absl::StrFormat("its segments at %#x and %#x overlap: the file is damaged "
                                "or was linked wrongly",
                                before.address, image.segments_[i].address));
    }
  }
  return image;
}

uint64_t ElfImage::end() const {
  const Segment& last = segments_.back();
  return last.address + last.memory_size;
}

bool ElfImage::Covers(uint64_t address) const {
  return std::ranges::any_of(segments_, [&](const Segment& segment) {
    return address >= segment.address && address - segment.address < segment.memory_size;
  });
}

absl::Status ElfImage::Load(const ImageFile& file, const GuestMemory& memory, uint64_t floor,
                            uint64_t ceiling) const {
  if (segments_.front().address < floor) {
    return file.Bad(
        absl::StrFormat("it wants to be loaded at %#x, but below %#x are the VM's boot "
                        "structures: link it to %#x or above",
                        segments_.front().address, floor, floor));
  }
  if (end() > ceiling) {
    return file.Bad(
        absl::StrFormat("it takes the memory up to %#x, but the VM's ends at %#x: give "
                        "the VM more, or link the kernel lower",
                        end(), ceiling));
  }
  for (const Segment& segment : segments_) {
    MAYFLY_RETURN_IF_ERROR(file.Annotated(
        LoadImage(memory, segment.address, file.fd(), segment.file_offset, segment.file_size)));
  }
  return absl::OkStatus();
}

}  // namespace mayfly::vmm
