#include "base/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "base/status.h"

namespace mayfly {
namespace {

[[nodiscard]] absl::StatusOr<Pipe> MakeWith(int flags) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | flags) != 0) return ErrnoStatus("making a pipe");
  return Pipe{.reader = OwnedFd(ends[0]), .writer = OwnedFd(ends[1])};
}

}  // namespace

absl::StatusOr<Pipe> Pipe::Make() { return MakeWith(0); }

absl::StatusOr<Pipe> Pipe::MakeNonBlocking() { return MakeWith(O_NONBLOCK); }

}  // namespace mayfly
