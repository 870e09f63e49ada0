#include "api/server/serve_vm.h"

#include <kj/async-io.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "api/server/connections.h"
#include "api/server/vmm_server.h"

namespace mayfly::api {

void ServeVm(int socket, std::shared_ptr<Timeline> timeline, vmm::ThreadSetup thread_setup) {
  kj::AsyncIoContext io = kj::setupAsyncIo();
  Connections connections(io);
  auto slot = kj::refcounted<VmSlot>();
  rpc::Vmm::Client vmm =
      kj::heap<VmmServer>(kj::addRef(*slot), std::move(timeline), io.unixEventPort, connections,
                          std::move(thread_setup));
  auto starter_gone =
      connections.Serve(socket, kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP, std::move(vmm));
  // Where there is a VM, those who hold it decide.
  auto in_vain = starter_gone.then([&slot]() -> kj::Promise<void> {
    if (slot->machine == nullptr) return kj::READY_NOW;
    return kj::NEVER_DONE;
  });
  in_vain.exclusiveJoin(std::move(slot->released)).wait(io.waitScope);
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
