#include "tests/bench/jail_report.h"

#include <unistd.h>

#include "base/status.h"

namespace mayfly::bench {

absl::StatusOr<JailReportPipe> JailReportPipe::Make() {
  MAYFLY_ASSIGN_OR_RETURN(Pipe pipe, Pipe::Make());
  return JailReportPipe(std::move(pipe));
}

absl::StatusOr<JailReport> JailReportPipe::Read() {
  pipe_.writer.Reset();  // or there would be no end
  JailReport report;
  if (::read(pipe_.reader.get(), &report, sizeof report) != sizeof report) {
    return absl::InternalError("jail_payload ended without a report");
  }
  return report;
}

}  // namespace mayfly::bench
