#include "api/server/serve_vm.h"

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "api/codec/machine_spec.h"
#include "api/server/vmm_server.h"

namespace mayfly::api {

void ServeVm(int socket, std::shared_ptr<Timeline> timeline, vmm::ThreadSetup thread_setup) {
  kj::AsyncIoContext io = kj::setupAsyncIo();
  auto stream =
      io.lowLevelProvider->wrapUnixSocketFd(socket, kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP);
  auto slot = kj::refcounted<VmSlot>();
  capnp::TwoPartyVatNetwork network(*stream, kMaxFdsPerMessage, capnp::rpc::twoparty::Side::SERVER);
  // Serves as long as it lives. NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores)
  auto rpc =
      capnp::makeRpcServer(network, kj::heap<VmmServer>(kj::addRef(*slot), std::move(timeline),
                                                        io.unixEventPort, std::move(thread_setup)));
  network.onDisconnect().exclusiveJoin(std::move(slot->released)).wait(io.waitScope);
  KJ_IF_MAYBE (machine, slot->machine) {
    // Its disks come to rest, then it is left to the kernel.
    (*machine)->Kill("the VM's last client has gone");
    (*machine)->WhenEnded().wait(io.waitScope);
  }
  // Freeing a VM can take the kernel 15 ms, and joining threads some more: the end of the process
  // does both at once, and nobody waits for it.
  ::_exit(EXIT_SUCCESS);
}

}  // namespace mayfly::api
