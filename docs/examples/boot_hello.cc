// Boots the guest named on the command line and shows its console: docs/api-client.md explains it
// line by line.
#include <fcntl.h>
#include <unistd.h>

#include "api/client/fd_stream.h"
#include "api/client/vmm_connection.h"
#include "api/client/vmm_process.h"
#include "api/codec/fd_file.h"

int main(int, char** argv) {
  using namespace mayfly;
  const auto open = [](const char* path, int flags) {
    return kj::heap<api::FdFile>(OwnedFd(::open(path, flags)));
  };
  api::VmmProcess process = api::VmmProcess::Spawn().value();
  kj::AsyncIoContext io = kj::setupAsyncIo();
  api::VmmConnection connection(io, process.TakeSocket());
  auto create = connection.vmm().createRequest();
  create.setKvm(open("/dev/kvm", O_RDWR));
  create.initSpec().initKernel().setFile(open(argv[1], O_RDONLY));
  create.setOutput(kj::heap<api::FdStream>(STDOUT_FILENO));
  create.setStart(true);
  rpc::Machine::Client machine = create.send().getMachine();
  return machine.waitRequest().send().wait(io.waitScope).getStatus().getStatus();
}
