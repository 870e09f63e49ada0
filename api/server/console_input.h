#pragma once

#include "api/mayfly.capnp.h"
#include "api/server/hosted_machine.h"

namespace mayfly::api {

// The `input` end of a console connection.
class ConsoleInput final : public rpc::ByteStream::Server {
 public:
  explicit ConsoleInput(kj::Own<HostedMachine> machine);

 protected:
  kj::Promise<void> write(WriteContext context) override;
  // A serial line has no end of file: nothing follows, and the guest is not told.
  kj::Promise<void> end(EndContext context) override;

 private:
  kj::Own<HostedMachine> machine_;
  const InputGate::Writer writer_;
};

}  // namespace mayfly::api
