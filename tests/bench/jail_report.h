#pragma once

#include <utility>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/pipe.h"

namespace mayfly::bench {

// What jail_payload tells on its standard output, on CLOCK_MONOTONIC: seen from within, since who
// waits for it may be woken late.
struct JailReport {
  Nanoseconds main{};   // its main() began
  Nanoseconds acted{};  // it did something, shut in where it was to be
};

// The way of a report from one process to another.
class JailReportPipe final {
 public:
  // Errors: errno's.
  [[nodiscard]] static absl::StatusOr<JailReportPipe> Make();

  // What jail_payload gets.
  [[nodiscard]] int writer() const { return pipe_.writer.get(); }
  // Waits. Errors: Internal where the payload ended without. Once.
  [[nodiscard]] absl::StatusOr<JailReport> Read();

 private:
  explicit JailReportPipe(Pipe pipe) : pipe_(std::move(pipe)) {}

  Pipe pipe_;
};

}  // namespace mayfly::bench
