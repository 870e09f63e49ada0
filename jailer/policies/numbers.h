#pragma once

// Numbers that policies name and that the C library keeps to itself, or computes.

namespace mayfly::jailer {

// SIGRTMIN as a constant: the C library uses the two real-time signals before it for itself.
// vmm/cpu/vcpu.cc sends it to a vCPU's thread.
inline constexpr int kKickSignal = 34;

// The status of a process that asked the kernel for what its policy does not have: what a shell
// shows for a death by SIGSYS.
inline constexpr int kViolationStatus = 128 + 31;

}  // namespace mayfly::jailer
