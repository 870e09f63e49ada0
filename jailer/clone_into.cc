#include "jailer/clone_into.h"

#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>

namespace mayfly::jailer {

pid_t CloneInto(clone_args args, std::span<std::byte> stack, ChildMain child_main, void* argument) {
  // The ABI wants the stack pointer on a 16-byte boundary at a call.
  constexpr size_t kStackAlignment = 16;
  args.stack = reinterpret_cast<uintptr_t>(stack.data());
  args.stack_size = stack.size() & ~(kStackAlignment - 1);
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
