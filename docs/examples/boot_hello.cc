// Boots the guest named on the command line and shows its console: docs/api-client.md explains it
// line by line.
#include <fcntl.h>
#include <unistd.h>

#include "api/client/vmm_connection.h"
#include "api/client/vmm_process.h"
#include "api/codec/fd_file.h"

using namespace mayfly;

struct Screen final : rpc::ByteStream::Server {
  kj::Promise<void> write(WriteContext call) override {
    const auto bytes = call.getParams().getBytes();
    if (::write(STDOUT_FILENO, bytes.begin(), bytes.size()) < 0) ::_exit(1);
    return kj::READY_NOW;
  }
};

int main(int, char** argv) {
  const auto open = [](const char* path, int flags) {
    return kj::heap<api::FdFile>(OwnedFd(::open(path, flags)));
  };
  api::VmmProcess process = api::VmmProcess::Spawn().value();
  kj::AsyncIoContext io = kj::setupAsyncIo();
  api::VmmConnection connection(io, process.TakeSocket());
  auto create = connection.vmm().createRequest();
  create.setKvm(open("/dev/kvm", O_RDWR));
  create.initSpec().initKernel().setFile(open(argv[1], O_RDONLY));
  rpc::Machine::Client machine = create.send().getMachine();
  auto console = machine.consoleRequest();
  console.setOutput(kj::heap<Screen>());
  auto attached = console.send();
  auto started = machine.startRequest().send();
  return machine.waitRequest().send().wait(io.waitScope).getStatus().getStatus();
}
