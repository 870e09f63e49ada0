#include "tests/bench/jail_report.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "base/status.h"

namespace mayfly::bench {

absl::StatusOr<JailReportPipe> JailReportPipe::Make() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return ErrnoStatus("making a pipe");
  return JailReportPipe(OwnedFd(ends[0]), OwnedFd(ends[1]));
}

absl::StatusOr<JailReport> JailReportPipe::Read() {
  writer_.Reset();  // or there would be no end
  JailReport report;
  if (::read(reader_.get(), &report, sizeof report) != sizeof report) {
    return absl::InternalError("jail_payload ended without a report");
  }
  return report;
}

}  // namespace mayfly::bench
