// Where the boot CPU enters, by either protocol, and the shortest way from there to ring 3.
//
// Some hosts emulate ring 0 instruction by instruction while ring 3 runs at full speed. So all tables are assembled or
// linked, not computed, and everything that can wait is done by PrepareProgram() in ring 3.
#include "images/unikernel/layout.h"

    // PVH: the loader finds the 32-bit entry in this note (XEN_ELFNOTE_PHYS32_ENTRY of Xen's public/elfnote.h).
    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18
    .asciz "Xen"
    .quad pvh_entry

    .section .text.entry, "ax", @progbits

    // Protected mode, flat segments, paging off; %ebx: hvm_start_info.
    .code32
    .global pvh_entry
pvh_entry:
    movb $MAYFLY_MARK_KERNEL, %al
    outb %al, $MAYFLY_PORT_MARK
    movl $directory_pointers + MAYFLY_PAGE_TABLE, page_map
    movl $first_directory + MAYFLY_PAGE_TABLE, directory_pointers
    movl $page_map, %eax
    movl %eax, %cr3
    movl $MAYFLY_CR4, %eax
    movl %eax, %cr4
    movl $MAYFLY_MSR_EFER, %ecx
    movl $MAYFLY_EFER, %eax
    xorl %edx, %edx
    wrmsr
    movl $MAYFLY_CR0, %eax
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $MAYFLY_KERNEL_CODE, $1f
    .code64
1:  movl %ebx, %edi
    movl $MAYFLY_BOOT_PVH, %esi
    jmp enter_ring_3

    // Long mode, the loader's page tables and segments; %rsi: boot_params (Documentation/arch/x86/boot.rst, 64-bit).
    .global linux64_entry
linux64_entry:
    movb $MAYFLY_MARK_KERNEL, %al
    outb %al, $MAYFLY_PORT_MARK
    movq %rsi, %rdi
    movl $directory_pointers + MAYFLY_PAGE_TABLE, page_map
    movl $first_directory + MAYFLY_PAGE_TABLE, directory_pointers
    movl $MAYFLY_MSR_EFER, %ecx  // first of all: without NXE, our page tables have reserved bits set
    movl $MAYFLY_EFER | 0x400, %eax  // LMA stays set
    xorl %edx, %edx
    wrmsr
    movl $MAYFLY_CR4, %eax
    movq %rax, %cr4
    movl $MAYFLY_CR0, %eax
    movq %rax, %cr0
    movl $page_map, %eax
    movq %rax, %cr3
    lgdt boot_gdt_pointer
    movl $MAYFLY_BOOT_LINUX, %esi

enter_ring_3:
    lidt idt_pointer
    movl $MAYFLY_TASK_STATE, %eax
    ltr %ax
    movl $first_frame, %esp
    iretq

    // Ring 3.
run_program:
    callq PrepareProgram
    callq main
    movl %eax, %edi
    callq EndProgram

    .section .rodata.entry, "a", @progbits
    .balign 8
first_frame:  // what iretq pops
    .quad run_program
    .quad MAYFLY_USER_CODE
    .quad MAYFLY_RFLAGS_FIXED
    .quad boot_stack_top
    .quad MAYFLY_USER_DATA

    .word 0, 0, 0  // aligns the base
boot_gdt_pointer:
    .word MAYFLY_GDT_BYTES - 1
    .quad boot_gdt

    .word 0, 0, 0
    .global idt_pointer
idt_pointer:
    .word MAYFLY_VECTORS * 16 - 1
    .quad interrupt_gates

    .section .task_state, "aw", @progbits
    .balign 16
    .global boot_gdt
boot_gdt:  // "accessed" is set in each, so that loading a selector writes nothing
    .quad 0
    .quad 0x00209b0000000000  // ring-0 code, 64-bit
    .quad 0x0000f30000000000  // ring-3 data
    .quad 0x0020fb0000000000  // ring-3 code, 64-bit
    .quad boot_task_state_descriptor, 0

    .global boot_task_state
    .balign 16
    .long 0
boot_task_state:  // the 8-byte fields lie at offsets 4 modulo 8
    .long 0
    .quad boot_ring_0_stack_top
    .fill 22, 4, 0
    .word 0, boot_port_permissions_offset

    // 1 GiB, identity: 4 KiB pages for the first 2 MiB, large pages for the rest. Page 0 is absent, to catch null pointers.
    .section .data.page_tables, "aw", @progbits
    .balign 4096
first_directory:
    .quad first_table + MAYFLY_PAGE_TABLE
    .set address, 0x200000
    .rept 511
    .quad address + MAYFLY_PAGE_DATA + MAYFLY_PAGE_LARGE + MAYFLY_PAGE_NO_EXECUTE
    .set address, address + 0x200000
    .endr
    .global first_table
first_table:
    .quad 0
    .set address, 0x1000
    .rept 255
    .quad address + MAYFLY_PAGE_DATA + MAYFLY_PAGE_NO_EXECUTE
    .set address, address + 0x1000
    .endr
    .rept 256
    .quad address + MAYFLY_PAGE_CODE
    .set address, address + 0x1000
    .endr

    .section .bss.page_tables, "aw", @nobits
    .balign 4096
    .global page_map
page_map:
    .skip 4096
    .global directory_pointers
directory_pointers:
    .skip 4096

    .section .bss.stack, "aw", @nobits
    .balign 16
    .skip 65536
boot_stack_top:

    .section .bss.ring_0_stack, "aw", @nobits
    .balign 16
    .skip 512
boot_ring_0_stack_top:

    // A zero bit for each I/O port, and a last byte: ring 3 may use them all. Not by IOPL 3, which some software KVMs lose,
    // and which would let ring 3 change the interrupt flag on some hosts only.
    .section .bss.port_permissions, "aw", @nobits
    .global port_permissions
port_permissions:
    .skip MAYFLY_PORT_PERMISSION_BYTES

    .section .note.GNU-stack, "", @progbits
