#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace mayfly::testing {

// Copies what the traced `thread` has at `address`; false where it has less there.
[[nodiscard]] bool ReadTraced(pid_t thread, uint64_t address, std::span<std::byte> out);

// Has the program that the traced `thread` has just begun to run (PTRACE_EVENT_EXEC) find no vDSO.
void HideVdso(pid_t thread);

}  // namespace mayfly::testing
