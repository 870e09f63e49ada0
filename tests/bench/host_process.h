#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace mayfly::bench {

// A mayflyd of the benchmark's own, with a directory of its own; both go with it.
class HostProcess final {
 public:
  // Answers when it listens. Errors: those of starting it.
  [[nodiscard]] static absl::StatusOr<HostProcess> Start(const std::string& program);
  HostProcess(HostProcess&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), directory_(std::exchange(other.directory_, {})) {}
  HostProcess& operator=(HostProcess&&) = delete;
  ~HostProcess();

  [[nodiscard]] std::string socket() const;
  // KiB that it holds for itself alone.
  [[nodiscard]] absl::StatusOr<uint64_t> PrivateMemory() const;

 private:
  HostProcess(pid_t pid, std::string directory) : pid_(pid), directory_(std::move(directory)) {}

  pid_t pid_;
  std::string directory_;
};

}  // namespace mayfly::bench
