// The floor of a start: the raw KVM ioctls and nothing else, with one vCPU and 128 MiB, for the ELF
// that the benchmark runs on every VMM. Boots it by its PVH entry, copies its serial bytes to
// standard output, ends with the byte written to the exit port. No checks that a trusted ELF does
// not need: it is a measure, not a VMM.
#include <elf.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace {

constexpr size_t kMemoryBytes = size_t{128} << 20;
constexpr size_t kHeaderBytes =
    4096;  // the ELF header, program headers and the note lie in the first page or two
constexpr uint16_t kSerialPort = 0x3f8;
constexpr uint16_t kExitPort = 0xf4;
constexpr uint32_t kPvhNoteType = 18;  // XEN_ELFNOTE_PHYS32_ENTRY
constexpr uint64_t kStartInfo = 0x6000;
constexpr uint32_t kStartMagic = 0x336ec578;  // struct hvm_start_info
constexpr int kFailed = 125;

// Loads the ELF's segments and answers its PVH entry.
uint32_t Load(int file, std::byte* memory) {
  std::array<std::byte, kHeaderBytes> head{};
  if (::pread(file, head.data(), head.size(), 0) <= 0) _exit(kFailed);
  Elf64_Ehdr header{};
  std::memcpy(&header, head.data(), sizeof header);
  uint32_t entry = 0;
  for (size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    std::memcpy(&segment, head.data() + header.e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_type == PT_LOAD && segment.p_filesz != 0 &&
        ::pread(file, memory + segment.p_paddr, segment.p_filesz,
                static_cast<off_t>(segment.p_offset)) <= 0) {
      _exit(kFailed);
    }
    if (segment.p_type == PT_NOTE) {
      std::array<std::byte, 256> notes{};
      if (::pread(file, notes.data(), notes.size(), static_cast<off_t>(segment.p_offset)) <= 0) {
        _exit(kFailed);
      }
      Elf64_Nhdr note{};
      std::memcpy(&note, notes.data(), sizeof note);
      constexpr size_t kNameBytes = 4;  // "Xen\0"
      if (note.n_type == kPvhNoteType) {
        std::memcpy(&entry, notes.data() + sizeof note + kNameBytes, sizeof entry);
      }
    }
  }
  return entry;
}

kvm_segment FlatSegment(uint8_t type) {
  kvm_segment segment{};
  segment.limit = 0xffffffff;
  segment.type = type;
  segment.present = 1;
  segment.db = 1;
  segment.s = 1;
  segment.g = 1;
  return segment;
}

void EnterProtectedMode(int vcpu, uint32_t entry) {
  kvm_sregs sregs{};
  if (::ioctl(vcpu, KVM_GET_SREGS, &sregs) != 0) _exit(kFailed);
  constexpr uint8_t kCode = 0xb;
  constexpr uint8_t kData = 0x3;
  sregs.cs = FlatSegment(kCode);
  sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = FlatSegment(kData);
  sregs.cr0 = 1;  // PE
  kvm_regs regs{};
  regs.rip = entry;
  regs.rbx = kStartInfo;
  regs.rflags = 2;
  if (::ioctl(vcpu, KVM_SET_SREGS, &sregs) != 0 || ::ioctl(vcpu, KVM_SET_REGS, &regs) != 0) {
    _exit(kFailed);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return kFailed;
  const int kvm = ::open("/dev/kvm", O_RDWR | O_CLOEXEC);
  const int vm = ::ioctl(kvm, KVM_CREATE_VM, 0);
  void* const memory = ::mmap(nullptr, kMemoryBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (kvm < 0 || vm < 0 || memory == MAP_FAILED) return kFailed;
  kvm_userspace_memory_region slot{};
  slot.memory_size = kMemoryBytes;
  slot.userspace_addr = reinterpret_cast<uintptr_t>(memory);
  if (::ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) != 0) return kFailed;
  if (::ioctl(vm, KVM_CREATE_IRQCHIP, 0) != 0) return kFailed;
  const int vcpu = ::ioctl(vm, KVM_CREATE_VCPU, 0);
  const int run_bytes = ::ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (vcpu < 0 || run_bytes < 0) return kFailed;
  void* const shared =
      ::mmap(nullptr, static_cast<size_t>(run_bytes), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
  if (shared == MAP_FAILED) return kFailed;

  auto* const ram = static_cast<std::byte*>(memory);
  std::memcpy(ram + kStartInfo, &kStartMagic, sizeof kStartMagic);
  EnterProtectedMode(vcpu, Load(::open(argv[1], O_RDONLY | O_CLOEXEC), ram));

  auto* const run = static_cast<kvm_run*>(shared);
  while (::ioctl(vcpu, KVM_RUN, 0) == 0 && run->exit_reason == KVM_EXIT_IO) {
    const auto* const data = static_cast<const std::byte*>(shared) + run->io.data_offset;
    if (run->io.direction != KVM_EXIT_IO_OUT) continue;
    if (run->io.port == kSerialPort && ::write(STDOUT_FILENO, data, 1) != 1) return kFailed;
    if (run->io.port == kExitPort) _exit(static_cast<int>(*data));
  }
  return kFailed;
}
