#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mayfly::vmm::testing {

// Makes ELF executables for tests: good ones, unless a test bends them.
class ElfBuilder final {
 public:
  // A segment of `content` at `address`, with `memory_size` bytes in memory (0: as many as in the
  // file).
  ElfBuilder& Load(uint64_t address, std::span<const std::byte> content, uint64_t memory_size = 0);
  // A note that says where PVH enters.
  ElfBuilder& PvhNote(uint32_t entry);
  ElfBuilder& Entry(uint64_t entry);

  // For tests that bend the file: changed before Build().
  [[nodiscard]] Elf64_Ehdr& header() { return header_; }
  [[nodiscard]] std::vector<Elf64_Phdr>& program_headers() { return program_headers_; }

  [[nodiscard]] std::vector<std::byte> Build() const;

  // A whole kernel: `code` at 1 MiB + 4 KiB, entered there by PVH and in 64-bit mode.
  [[nodiscard]] static std::vector<std::byte> Kernel(std::span<const std::byte> code);
  static constexpr uint32_t kKernelAddress = 0x101000;

 private:
  ElfBuilder& Add(uint32_t type, uint64_t address, std::span<const std::byte> content,
                  uint64_t memory_size);

  Elf64_Ehdr header_ = DefaultHeader();
  std::vector<Elf64_Phdr> program_headers_;
  std::vector<std::byte> contents_;  // behind the headers

  [[nodiscard]] static Elf64_Ehdr DefaultHeader();
};

}  // namespace mayfly::vmm::testing
