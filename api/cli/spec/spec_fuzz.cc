// A specification as a file may have it, JSON or Cap'n Proto's text: it becomes options, or an
// error says where it is wrong.

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "api/cli/spec/spec_options.h"
#include "base/owned_fd.h"
#include "base/testing/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace mayfly;
  const OwnedFd file(::memfd_create("spec", MFD_CLOEXEC));
  if (::write(file.get(), data, size) != static_cast<ssize_t>(size)) __builtin_trap();
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  cli::RunOptions options;
  const absl::Status status = cli::ReadSpec(path, options);
  if (status.ok()) return 0;
  if (status.code() != absl::StatusCode::kInvalidArgument) __builtin_trap();
  if (status.message().find(path + ": ") != 0) __builtin_trap();
  return 0;
}
