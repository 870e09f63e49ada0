// The way into ring 0 and back: interrupts and exceptions, and the services that ring 3 calls with int3.
//
// int3 is the one instruction that leads from ring 3 into ring 0 on every host, software KVM included. The program
// contains two of them: in ring_0_call, to run a few privileged instructions, and at the end of an interrupt.
// Any other is a breakpoint nobody asked for, reported like any other exception.
#include "images/unikernel/layout.h"

// Offsets in what the CPU pushes.
#define FRAME_RIP 0
#define FRAME_CS 8
#define FRAME_RFLAGS 16
#define FRAME_RSP 24
#define FRAME_SS 32

    .text
    .balign MAYFLY_VECTOR_STUB_BYTES
    .global vector_stubs
vector_stubs:
    .set vector, 0
    .rept MAYFLY_VECTORS
    .if vector == MAYFLY_VECTOR_BREAKPOINT
    jmp breakpoint
    .else
    // The vectors for which the CPU pushes an error code itself (Intel SDM volume 3, table 6-1).
    .if !((vector == 8) | ((vector >= 10) & (vector <= 14)) | (vector == 17) | (vector == 21) | (vector == 29) | (vector == 30))
    pushq $0
    .endif
    pushq $vector
    .if vector < MAYFLY_VECTOR_FIRST_GSI
    jmp exception
    .else
    jmp interrupt
    .endif
    .endif
    .balign MAYFLY_VECTOR_STUB_BYTES
    .set vector, vector + 1
    .endr

    // Ends the program: ReportException(frame, cr2) in ring 3, on a stack of its own. Stack: vector, error code, frame.
exception:
    lock btsl $0, panicking
    jc 1f
    movq %rsp, %rdi
    movq %cr2, %rsi
    pushq $MAYFLY_USER_DATA
    pushq $panic_stack_top - 8
    pushq $MAYFLY_RFLAGS_FIXED
    pushq $MAYFLY_USER_CODE
    pushq $ReportException
    iretq
1:  movl $MAYFLY_PORT_PANIC, %edx  // while reporting an exception: no words, then
    movb $MAYFLY_PANIC_EVENT, %al
    outb %al, %dx
    movb $MAYFLY_PANIC_STATUS, %al
    outb %al, $MAYFLY_PORT_EXIT
2:  hlt
    jmp 2b

    // Has interrupt_handler run in ring 3, on the stack of the interrupted code. Stack: vector, 0, frame.
interrupt:
    testb $3, 16 + FRAME_CS(%rsp)
    jz 2f
1:  xchgq %rax, (%rsp)  // the vector travels in %rax
    pushq %rbx
    movq %rsp, %rbx  // now: rbx, rax, 0, frame
    movq 24 + FRAME_RSP(%rbx), %rsp
    subq $128, %rsp  // the red zone
    andq $-16, %rsp
    pushq 24 + FRAME_SS(%rbx)
    pushq 24 + FRAME_RSP(%rbx)
    pushq 24 + FRAME_RFLAGS(%rbx)
    pushq 24 + FRAME_CS(%rbx)
    pushq 24 + FRAME_RIP(%rbx)
    pushq 8(%rbx)
    pushq (%rbx)
    movq %rsp, 24 + FRAME_RSP(%rbx)
    movq $interrupt_handler, 24 + FRAME_RIP(%rbx)
    andl $~MAYFLY_RFLAGS_IF, 24 + FRAME_RFLAGS(%rbx)
    leaq 24(%rbx), %rsp
    iretq
    // Ring 0 takes interrupts in Ring0Wait only: drop this frame and the call to it, and go on from the int3 before.
2:  popq %rax
    movq 8 + FRAME_RSP(%rsp), %rsp
    addq $8, %rsp
    pushq $0
    pushq %rax
    jmp 1b

    // Ring 3: saves what a C++ function may change. %rax: the vector; stack: rbx, rax, the interrupted frame.
interrupt_handler:
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    movq %rsp, %rbx
    subq $512, %rsp
    andq $-16, %rsp
    fxsave64 (%rsp)
    cld
    movl %eax, %edi
    callq DispatchInterrupt
    fxrstor64 (%rsp)
    movq %rbx, %rsp
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    int3
end_of_interrupt:

breakpoint:
    cmpq $ring_0_call_return, FRAME_RIP(%rsp)
    jne 1f
    callq *%rax
    iretq
1:  cmpq $end_of_interrupt, FRAME_RIP(%rsp)
    jne 2f
    movq FRAME_RSP(%rsp), %rsp  // the interrupted frame lies on the stack of ring 3
    iretq
2:  pushq $0
    pushq $MAYFLY_VECTOR_BREAKPOINT
    jmp exception

ring_0_call:  // %rax: what to run in ring 0
    int3
ring_0_call_return:
    ret

    // A C++ function whose body runs in ring 0: arguments, result and clobbered registers as in any other.
    .macro ring_0_function name
    .section .text.\name, "ax", @progbits
    .global \name
    .type \name, @function
\name:
    movl $1f, %eax
    jmp ring_0_call
1:
    .endm

    ring_0_function Ring0Wait
    sti
    hlt
    jmp 1b

    ring_0_function Ring0SetInterruptFlag
    andl $~MAYFLY_RFLAGS_IF, 8 + FRAME_RFLAGS(%rsp)
    orl %edi, 8 + FRAME_RFLAGS(%rsp)
    ret

    ring_0_function Ring0ReadMsr
    movl %edi, %ecx
    rdmsr
    shlq $32, %rdx
    orq %rdx, %rax
    ret

    ring_0_function Ring0WriteMsr
    movl %edi, %ecx
    movl %esi, %eax
    movq %rsi, %rdx
    shrq $32, %rdx
    wrmsr
    ret

    ring_0_function Ring0Cpuid
    movq %rdx, %r8
    movq %rbx, %r9
    movl %edi, %eax
    movl %esi, %ecx
    cpuid
    movl %eax, (%r8)
    movl %ebx, 4(%r8)
    movl %ecx, 8(%r8)
    movl %edx, 12(%r8)
    movq %r9, %rbx
    ret

    ring_0_function Ring0FlushMappings
    movq %cr3, %rax
    movq %rax, %cr3
    ret

    ring_0_function Ring0Run
    jmp *%rdi

    ring_0_function Ring0Halt
    cli
    hlt
    jmp 1b

    ring_0_function Ring0TripleFault
    lidt no_gates
    ud2

    .section .rodata.traps, "a", @progbits
no_gates:
    .word 0
    .quad 0

    .section .bss.traps, "aw", @nobits
    .balign 16
    .skip 4096
panic_stack_top:
panicking:
    .skip 4

    .section .note.GNU-stack, "", @progbits
