// A configuration as a file may have it, JSON or Cap'n Proto's text: it is taken, and shown so that
// it is taken again, or an error says where it is wrong.

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "api/host/host_config.h"
#include "base/owned_fd.h"
#include "base/testing/fuzz_target.h"

namespace mayfly::api {
namespace {

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

[[nodiscard]] absl::StatusOr<HostConfigFile> Load(const void* data, size_t size) {
  const OwnedFd file(::memfd_create("config", MFD_CLOEXEC));
  Require(::write(file.get(), data, size) == static_cast<ssize_t>(size));
  return HostConfigFile::Load("/proc/self/fd/" + std::to_string(file.get()), "/run/m.sock");
}

}  // namespace
}  // namespace mayfly::api

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace mayfly::api;
  const auto config = Load(data, size);
  if (!config.ok()) {
    Require(config.status().message().find("/proc/self/fd/") == 0);
    return 0;
  }
  const std::string shown = config->Text();
  const auto again = Load(shown.data(), shown.size());
  Require(again.ok());
  Require(again->Text() == shown);
  return 0;
}
