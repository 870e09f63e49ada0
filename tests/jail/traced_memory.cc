#include "tests/jail/traced_memory.h"

#include <linux/auxvec.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

namespace mayfly::testing {
namespace {

// Words of the traced one's memory, one after the other.
class Words final {
 public:
  Words(pid_t thread, uint64_t address) : thread_(thread), address_(address) {}

  // 0 where there are no more, which ends every list here.
  uint64_t Next() {
    uint64_t word = 0;
    if (!ReadTraced(thread_, address_, std::as_writable_bytes(std::span(&word, 1)))) return 0;
    address_ += sizeof word;
    return word;
  }
  void ReplaceLast(uint64_t word) const {
    ::ptrace(PTRACE_POKEDATA, thread_, address_ - sizeof word, word);
  }

 private:
  const pid_t thread_;
  uint64_t address_;
};

}  // namespace

bool ReadTraced(pid_t thread, uint64_t address, std::span<std::byte> out) {
  const iovec local = {.iov_base = out.data(), .iov_len = out.size()};
  const iovec remote = {.iov_base = reinterpret_cast<void*>(address), .iov_len = out.size()};
  return ::process_vm_readv(thread, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(out.size());
}

// A new program's stack: the number of its arguments, these, a zero, the environment, a zero, the
// auxiliary vector of pairs (System V ABI, AMD64 supplement, 3.4.1).
void HideVdso(pid_t thread) {
  user_regs_struct registers{};
  if (::ptrace(PTRACE_GETREGS, thread, nullptr, &registers) != 0) return;
  Words stack(thread, registers.rsp);
  stack.Next();
  while (stack.Next() != 0) {
  }
  while (stack.Next() != 0) {
  }
  while (const uint64_t type = stack.Next()) {
    if (type == AT_SYSINFO_EHDR) stack.ReplaceLast(AT_IGNORE);
    stack.Next();
  }
}

}  // namespace mayfly::testing
