#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/owned_fd.h"
#include "tests/bench/host_counters.h"

namespace mayfly::bench {

// A program whose standard output is read line by line and whose cost is counted from its exec.
// Killed at the end of this object's life where it still runs.
class MeasuredProcess final {
 public:
  // Runs `argv`, found by PATH, with nothing on standard input. Errors: those of HostCounters, and
  // what the kernel refuses. A program that cannot be executed ends with status 127.
  [[nodiscard]] static absl::StatusOr<MeasuredProcess> Start(const std::vector<std::string>& argv);

  MeasuredProcess(MeasuredProcess&& other) noexcept;
  MeasuredProcess& operator=(MeasuredProcess&&) = delete;
  ~MeasuredProcess();

  // The next line, without its end; nothing at the end of output. Errors: DeadlineExceeded.
  [[nodiscard]] absl::StatusOr<std::optional<std::string>> ReadLine(Nanoseconds timeout);
  [[nodiscard]] absl::StatusOr<HostCost> Cost() const { return counters_.Read(); }
  // Its exit code, or 128 and the signal's number.
  [[nodiscard]] absl::StatusOr<int> Wait();
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  MeasuredProcess(pid_t pid, OwnedFd output, HostCounters counters)
      : pid_(pid), output_(std::move(output)), counters_(std::move(counters)) {}

  pid_t pid_;  // 0 when waited for
  OwnedFd output_;
  HostCounters counters_;
  std::string buffer_;
};

}  // namespace mayfly::bench
