// Launches a guest on the host service at a socket, and shows its console: docs/api.md explains it.
#include <unistd.h>

#include "api/client/fd_stream.h"
#include "api/client/host_connection.h"

int main(int, char** argv) {
  using namespace mayfly;
  kj::AsyncIoContext io = kj::setupAsyncIo();
  kj::Own<api::HostConnection> connection = api::HostConnection::Open(io, argv[1]).value();
  auto launch = connection->host().launchRequest();
  launch.initSpec().initKernel().setName(argv[2]);
  launch.setOutput(kj::heap<api::FdStream>(STDOUT_FILENO));
  launch.setStart(true);
  rpc::Machine::Client machine = launch.send().getMachine();
  return machine.waitRequest().send().wait(io.waitScope).getStatus().getStatus();
}
