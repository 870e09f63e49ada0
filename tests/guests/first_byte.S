// The least a guest can do, without any runtime: one byte to the serial port, then exit status 0. It starts the same on every
// VMM with PVH boot, and is what start times are compared by.

    // XEN_ELFNOTE_PHYS32_ENTRY: the 32-bit entry.
    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18
    .asciz "Xen"
    .quad first_byte

    .section .text.entry, "ax", @progbits
    // These instructions mean the same in protected and in long mode: one entry for PVH and for the 64-bit boot protocol.
    .code32
    .global first_byte
first_byte:
    movw $0x3f8, %dx
    movb $'!', %al
    outb %al, %dx
    movb $0, %al
    outb %al, $0xf4
1:  hlt
    jmp 1b

    .section .note.GNU-stack, "", @progbits
