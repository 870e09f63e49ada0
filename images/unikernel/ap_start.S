// Where the other CPUs enter: in real mode, at a page below 1 MiB that cpus.cc copies the first part of this to.
#include "images/unikernel/layout.h"

    .section .rodata.ap_start, "a", @progbits
    .global ap_trampoline
    .code16
ap_trampoline:  // %cs: this page; from real to long mode in one step
    lgdtl %cs:(trampoline_gdt - ap_trampoline)
    movl $MAYFLY_CR4, %eax
    movl %eax, %cr4
    movl $page_map, %eax
    movl %eax, %cr3
    movl $MAYFLY_MSR_EFER, %ecx
    movl $MAYFLY_EFER, %eax
    xorl %edx, %edx
    wrmsr
    movl $MAYFLY_CR0, %eax
    movl %eax, %cr0
    ljmpl $MAYFLY_KERNEL_CODE, $enter_long_mode
    .balign 4
    .word 0
trampoline_gdt:
    .word MAYFLY_GDT_BYTES - 1
    .long boot_gdt
    .global ap_trampoline_end
ap_trampoline_end:

    .section .text.ap_start, "ax", @progbits
    .code64
enter_long_mode:
    movq starting_cpu, %rdi
    lgdt MAYFLY_CPU_GDT_POINTER(%rdi)
    lidt idt_pointer
    movl $MAYFLY_TASK_STATE, %eax
    ltr %ax
    leaq MAYFLY_CPU_FRAME(%rdi), %rsp
    iretq

    .section .note.GNU-stack, "", @progbits
