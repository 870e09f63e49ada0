#include "vmm/testing/elf_builder.h"

#include <array>
#include <cstring>

namespace mayfly::vmm::testing {
namespace {

// Room for headers at the file's begin, so that offsets are known before their number is.
constexpr uint64_t kContentsOffset = 0x1000;

template <typename T>
void Append(std::vector<std::byte>& bytes, const T& value) {
  const auto raw = std::as_bytes(std::span(&value, 1));
  bytes.insert(bytes.end(), raw.begin(), raw.end());
}

}  // namespace

Elf64_Ehdr ElfBuilder::DefaultHeader() {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_phoff = sizeof header;
  header.e_ehsize = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  return header;
}

ElfBuilder& ElfBuilder::Add(uint32_t type, uint64_t address, std::span<const std::byte> content,
                            uint64_t memory_size) {
  Elf64_Phdr program_header{};
  program_header.p_type = type;
  program_header.p_offset = kContentsOffset + contents_.size();
  program_header.p_paddr = address;
  program_header.p_vaddr = address;
  program_header.p_filesz = content.size();
  program_header.p_memsz = memory_size == 0 ? content.size() : memory_size;
  program_headers_.push_back(program_header);
  contents_.insert(contents_.end(), content.begin(), content.end());
  return *this;
}

ElfBuilder& ElfBuilder::Load(uint64_t address, std::span<const std::byte> content,
                             uint64_t memory_size) {
  return Add(PT_LOAD, address, content, memory_size);
}

ElfBuilder& ElfBuilder::PvhNote(uint32_t entry) {
  constexpr std::array<char, 4> kName = {'X', 'e', 'n', '\0'};
  constexpr uint32_t kPhys32Entry = 18;
  std::vector<std::byte> note;
  Append(note,
         Elf64_Nhdr{.n_namesz = sizeof kName, .n_descsz = sizeof entry, .n_type = kPhys32Entry});
  Append(note, kName);
  Append(note, entry);
  return Add(PT_NOTE, 0, note, 0);
}

ElfBuilder& ElfBuilder::Entry(uint64_t entry) {
  header_.e_entry = entry;
  return *this;
}

std::vector<std::byte> ElfBuilder::Build() const {
  Elf64_Ehdr header = header_;
  if (header.e_phnum == 0) header.e_phnum = static_cast<uint16_t>(program_headers_.size());
  std::vector<std::byte> file;
  Append(file, header);
  for (const Elf64_Phdr& program_header : program_headers_) Append(file, program_header);
  file.resize(kContentsOffset);
  file.insert(file.end(), contents_.begin(), contents_.end());
  return file;
}

std::vector<std::byte> ElfBuilder::Kernel(std::span<const std::byte> code) {
  return ElfBuilder()
      .Load(kKernelAddress, code)
      .PvhNote(kKernelAddress)
      .Entry(kKernelAddress)
      .Build();
}

}  // namespace mayfly::vmm::testing
