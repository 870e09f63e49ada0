// boot_at SOCKET GUEST: boots a guest in a VMM that was started before, shows its console, and ends
// with its status.

#include <fcntl.h>
#include <unistd.h>

#include "api/client/fd_stream.h"
#include "api/client/vmm_connection.h"
#include "api/codec/fd_file.h"

int main(int, char** argv) {
  using namespace mayfly;
  const auto open = [](const char* path, int flags) {
    return kj::heap<api::FdFile>(OwnedFd(::open(path, flags)));
  };
  kj::AsyncIoContext io = kj::setupAsyncIo();
  auto connection = api::VmmConnection::Open(io, argv[1]).value();
  auto create = connection->vmm().createRequest();
  create.setKvm(open("/dev/kvm", O_RDWR));
  create.initSpec().initKernel().setFile(open(argv[2], O_RDONLY));
  create.setOutput(kj::heap<api::FdStream>(STDOUT_FILENO));
  create.setStart(true);
  rpc::Machine::Client machine = create.send().getMachine();
  return machine.waitRequest().send().wait(io.waitScope).getStatus().getStatus();
}
