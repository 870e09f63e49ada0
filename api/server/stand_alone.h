#pragma once

#include <string>

namespace mayfly::api {

// `mayfly-vmm --api PATH`: a VMM for those who bring their own orchestration. Makes a Unix socket
// at `path`, for this user alone, and starts this program once more, in a jail, to serve one VM for
// whoever connects there; returns when that has ended, with what ended it: the exit status, 128
// plus the number of a signal that ended it (or this), 1 where it did not begin. The socket is then
// gone. Says on the standard error what went wrong. Threading: the main thread, before there is
// another.
[[nodiscard]] int RunStandAlone(const std::string& path);

}  // namespace mayfly::api
