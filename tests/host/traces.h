#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <set>
#include <string>

namespace mayfly::testing {

// What a mayflyd has of its host: all of it goes with the VMs and connections that it was for.
struct Traces {
  size_t open_files = 0;
  size_t processes = 0;          // its children, ended ones that nobody has waited for among them
  size_t mounts = 0;             // in its mount namespace
  std::set<std::string> stored;  // the names in its state directory

  // Of the process `pid`, which serves `socket`.
  [[nodiscard]] static Traces Of(pid_t pid, const std::string& socket);

  friend bool operator==(const Traces&, const Traces&) = default;
  friend std::ostream& operator<<(std::ostream& stream, const Traces& traces);
};

// Memory that the process takes now, in bytes.
[[nodiscard]] uint64_t ResidentBytes(pid_t pid);

}  // namespace mayfly::testing
