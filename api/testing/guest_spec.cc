#include "api/testing/guest_spec.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

namespace mayfly::api::testing {
namespace {

OwnedFd OpenKvm() { return OwnedFd(::open("/dev/kvm", O_RDWR | O_CLOEXEC)); }

}  // namespace

MachineSpec GuestSpec(const std::string& guest, const std::string& words) {
  MachineSpec spec;
  spec.machine.kvm = OpenKvm();
  const std::string path = "tests/guests/" + guest;
  spec.machine.kernel = {OwnedFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), guest};
  spec.machine.command_line = words;
  return spec;
}

std::string WhyNoGuests() {
  if (OpenKvm().valid()) return "";
  return std::string("needs /dev/kvm, which this user cannot open here: ") + std::strerror(errno);
}

}  // namespace mayfly::api::testing
