#include "jailer/cgroup/control_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/owned_fd.h"

namespace mayfly::jailer {

int WriteControl(int directory, const std::string& file, std::string_view value) {
  const OwnedFd control(::openat(directory, file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!control.valid()) return errno;
  return ::write(control.get(), value.data(), value.size()) < 0 ? errno : 0;
}

}  // namespace mayfly::jailer
