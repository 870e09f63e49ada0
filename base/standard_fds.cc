#include "base/standard_fds.h"

#include <fcntl.h>
#include <poll.h>

#include <array>
#include <cstddef>

namespace mayfly {

void OccupyStandardFds() {
  std::array<pollfd, 3> standard{};
  for (int fd = 0; fd < 3; ++fd) standard.at(static_cast<size_t>(fd)).fd = fd;
  ::poll(standard.data(), standard.size(), 0);
  for (const pollfd& stream : standard) {
    // The lowest free number is the one wanted.
    if ((stream.revents & POLLNVAL) != 0) (void)::open("/dev/null", O_RDWR);
  }
}

}  // namespace mayfly
