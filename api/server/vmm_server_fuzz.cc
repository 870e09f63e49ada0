// What a VMM offers, before bytes of any kind from a client, in pieces of any size: it answers, or
// breaks the connection. There is no VM behind it, for nothing of that can be one's files.

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "api/server/connections.h"
#include "api/server/vmm_server.h"
#include "base/testing/byte_source.h"
#include "base/testing/fuzz_target.h"

namespace mayfly::api {
namespace {

class Fuzz final {
 public:
  explicit Fuzz(kj::AsyncIoContext& io) : io_(io), connections_(io) {}

  void Run(ByteSource input) {
    auto slot = kj::refcounted<VmSlot>();
    auto pipe = kj::newTwoWayPipe();
    {
      capnp::TwoPartyServer server(kj::heap<VmmServer>(kj::addRef(*slot),
                                                       std::make_shared<Timeline>(),
                                                       io_.unixEventPort, connections_, nullptr));
      // A broken connection is what some input asks for.
      auto served = server.accept(*pipe.ends[1]);
      auto heard = pipe.ends[0]->readAllBytes().ignoreResult().catch_([](kj::Exception&&) {});
      auto task = served.attach(kj::mv(heard)).eagerlyEvaluate([](kj::Exception&&) {});
      while (!input.empty()) {
        const auto piece = input.TakeBytes(1 + input.Take<uint16_t>());
        auto sent = pipe.ends[0]->write(piece.data(), piece.size()).catch_([](kj::Exception&&) {});
        io_.waitScope.poll();
        if (!sent.poll(io_.waitScope)) break;  // nobody reads any more
      }
      pipe.ends[0]->shutdownWrite();
      io_.waitScope.poll();
    }
    io_.waitScope.poll();
    if (slot->machine != nullptr) __builtin_trap();
  }

 private:
  kj::AsyncIoContext& io_;
  Connections connections_;
};

}  // namespace
}  // namespace mayfly::api

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static kj::AsyncIoContext io = kj::setupAsyncIo();
  mayfly::api::Fuzz(io).Run(mayfly::ByteSource(data, size));
  return 0;
}
