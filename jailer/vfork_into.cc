#include "jailer/vfork_into.h"

#include <signal.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace mayfly::jailer {

namespace {

// The ABI wants the stack pointer on a 16-byte boundary at a call; fresh memory of malloc(3) has
// it.
constexpr size_t kStackBytes = size_t{64} << 10;

}  // namespace

pid_t VforkInto(clone_args args, ChildMain child_main, void* argument) {
  // On the heap: the child leaves it in the middle of a call, which only fresh memory makes good
  // for AddressSanitizer.
  const auto stack = std::make_unique_for_overwrite<std::byte[]>(kStackBytes);
  // CLEAR_SIGHAND: a handler of ours must not run in the child, whose memory is ours.
  args.flags |= CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND;
  args.exit_signal = SIGCHLD;
  args.stack = reinterpret_cast<uintptr_t>(stack.get());
  args.stack_size = kStackBytes;
  // The child wakes up behind the syscall with the registers of the parent, but on an empty stack:
  // it cannot return, and must not look at a local variable of ours. So it calls on from registers,
  // here.
  int64_t result = SYS_clone3;
  asm volatile(
      "syscall\n\t"
      "testq %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xorl %%ebp, %%ebp\n\t"  // the outermost frame
      "movq %[argument], %%rdi\n\t"
      "callq *%[child_main]\n\t"
      "ud2\n"
      "1:"
      : "+a"(result)
      : "D"(&args), "S"(sizeof(args)), [argument] "r"(argument), [child_main] "r"(child_main)
      : "rcx", "r11", "memory");
  return static_cast<pid_t>(result);
}

}  // namespace mayfly::jailer
