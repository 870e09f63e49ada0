#pragma once

#include <sys/types.h>

#include <cstdint>

namespace mayfly::api {

// What a process takes of the host.
struct ProcessUsage {
  uint64_t resident_bytes = 0;
  uint64_t cpu_nanoseconds = 0;

  // Now, of all its threads. What cannot be known is 0. Takes some ten microseconds.
  [[nodiscard]] static ProcessUsage Of(pid_t pid);
};

// Of this process.
[[nodiscard]] uint64_t OpenFiles();
[[nodiscard]] uint64_t MostOpenFiles();

}  // namespace mayfly::api
