#pragma once

#include <memory>

#include "base/owned_fd.h"
#include "base/timeline.h"
#include "vmm/machine_config.h"

namespace mayfly::api {

// Serves the `Vmm` capability on the Unix stream socket `socket`, which is taken. Ends the process,
// with status 0, once its VM, where there was one, has ended and is nobody's any more.
// `thread_setup` may be empty. Threading: the main thread, once. Throws kj::Exception where the
// socket cannot be served.
[[noreturn]] void ServeVm(int socket, std::shared_ptr<Timeline> timeline,
                          vmm::ThreadSetup thread_setup);

// The same for whoever connects to the listening Unix stream socket `socket`; as long as there is
// no VM, it waits for one.
[[noreturn]] void ServeVmAt(OwnedFd socket, std::shared_ptr<Timeline> timeline,
                            vmm::ThreadSetup thread_setup);

}  // namespace mayfly::api
