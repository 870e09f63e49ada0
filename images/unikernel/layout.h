#pragma once

// Numbers that the assembly files, the linker script and the C++ code share; hence macros.

// Selectors of the global descriptor table (entry.S). The low two bits are the privilege level
// asked for.
#define MAYFLY_KERNEL_CODE 0x08
#define MAYFLY_USER_DATA (0x10 | 3)
#define MAYFLY_USER_CODE (0x18 | 3)
#define MAYFLY_TASK_STATE 0x20
#define MAYFLY_GDT_BYTES 0x30

// RFLAGS.
#define MAYFLY_RFLAGS_FIXED 0x2  // bit 1 is always set
#define MAYFLY_RFLAGS_IF 0x200   // interrupts are taken

// Task state segments: the segment proper, and the bit map that lets ring 3 use every I/O port.
#define MAYFLY_TASK_STATE_BYTES 104
#define MAYFLY_PORT_PERMISSION_BYTES 8193

// What every CPU runs with.
#define MAYFLY_CR0 0x80010033  // PG, WP, NE, ET, MP, PE
#define MAYFLY_CR4 0x620       // OSXMMEXCPT, OSFXSR, PAE
#define MAYFLY_MSR_EFER 0xc0000080
#define MAYFLY_EFER 0x900  // NXE, LME

// Page-table entries: present, writable, user, accessed and dirty; 2 MiB page; no execution.
#define MAYFLY_PAGE_TABLE 0x27
#define MAYFLY_PAGE_DATA 0x67
#define MAYFLY_PAGE_CODE 0x25
#define MAYFLY_PAGE_LARGE 0x80
#define MAYFLY_PAGE_NO_EXECUTE 0x8000000000000000

// Vectors: 32 exceptions, then one per interrupt line of the IOAPIC, then those of the local APIC.
#define MAYFLY_VECTOR_BREAKPOINT 3
#define MAYFLY_VECTOR_FIRST_GSI 32
#define MAYFLY_VECTOR_TIMER 56
#define MAYFLY_VECTOR_SPURIOUS 63
#define MAYFLY_VECTORS 64
#define MAYFLY_VECTOR_STUB_BYTES 16

// Which door the boot CPU came in by: second argument of PrepareProgram().
#define MAYFLY_BOOT_PVH 0
#define MAYFLY_BOOT_LINUX 1

// I/O ports of the machine.
#define MAYFLY_PORT_MARK 0x80
#define MAYFLY_PORT_EXIT 0xf4
#define MAYFLY_PORT_PANIC 0x505
#define MAYFLY_MARK_KERNEL 0x40
#define MAYFLY_PANIC_EVENT 1
#define MAYFLY_PANIC_STATUS 255

// Offsets in the Cpu of cpus.cc, which ap_start.S uses.
#define MAYFLY_CPU_FRAME 0
#define MAYFLY_CPU_GDT_POINTER 46
