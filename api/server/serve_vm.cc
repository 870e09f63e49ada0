#include "api/server/serve_vm.h"

#include <kj/async-io.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "api/codec/rpc_status.h"
#include "api/server/connections.h"
#include "api/server/vmm_server.h"

namespace mayfly::api {
namespace {

// The one VM of this process, and those who speak to it.
struct Service {
  Service(std::shared_ptr<Timeline> timeline, vmm::ThreadSetup thread_setup)
      : vmm(kj::heap<VmmServer>(kj::addRef(*slot), std::move(timeline), io.unixEventPort,
                                connections, std::move(thread_setup))) {}

  kj::AsyncIoContext io = kj::setupAsyncIo();
  Connections connections{io};
  kj::Own<VmSlot> slot = kj::refcounted<VmSlot>();
  rpc::Vmm::Client vmm;
};

// Once the VM is nobody's any more, or `in_vain`.
[[noreturn]] void EndAfter(Service& service, kj::Promise<void> in_vain) {
  in_vain.exclusiveJoin(kj::mv(service.slot->released)).wait(service.io.waitScope);
  KJ_IF_MAYBE (machine, service.slot->machine) {
    // Its disks come to rest, then it is left to the kernel.
    (*machine)->Kill("the VM's last client has gone");
    (*machine)->WhenEnded().wait(service.io.waitScope);
  }
  // Freeing a VM can take the kernel 15 ms, and joining threads some more: the end of the process
  // does both at once, and nobody waits for it.
  ::_exit(EXIT_SUCCESS);
}

}  // namespace

void ServeVm(int socket, std::shared_ptr<Timeline> timeline, vmm::ThreadSetup thread_setup) {
  Service service(std::move(timeline), std::move(thread_setup));
  auto starter_gone =
      service.connections.Serve(socket, kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP, service.vmm);
  // Where there is a VM, those who hold it decide.
  EndAfter(service, starter_gone.then([&service]() -> kj::Promise<void> {
    if (service.slot->machine == nullptr) return kj::READY_NOW;
    return kj::NEVER_DONE;
  }));
}

void ServeVmAt(OwnedFd socket, std::shared_ptr<Timeline> timeline, vmm::ThreadSetup thread_setup) {
  Service service(std::move(timeline), std::move(thread_setup));
  const absl::Status status = service.connections.Listen(std::move(socket), service.vmm);
  if (!status.ok()) kj::throwFatalException(ToException(status));
  service.slot->reachable = true;
  EndAfter(service, kj::NEVER_DONE);
}

}  // namespace mayfly::api
