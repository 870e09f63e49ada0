#pragma once

#include <kj/async-io.h>

#include <string>

#include "base/owned_fd.h"

namespace mayfly::api {

// Reads a pipe, which does not block, until its other end is closed, and keeps the last few KiB.
// Errors, as exceptions: those of read(2). `io` must outlive the promise.
[[nodiscard]] kj::Promise<std::string> ReadToEnd(kj::AsyncIoContext& io, OwnedFd pipe);

}  // namespace mayfly::api
