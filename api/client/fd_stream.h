#pragma once

#include "api/mayfly.capnp.h"

namespace mayfly::api {

// A stream that ends in a descriptor of ours, such as a guest's console on our standard output.
// Writes block, and with them the thread of the connection: for programs that have nothing else to
// do.
//
// Threading: the thread of the connection.
class FdStream final : public rpc::ByteStream::Server {
 public:
  // `fd` stays the caller's, and must stay open.
  explicit FdStream(int fd) : fd_(fd) {}

 protected:
  // Throws where write(2) fails: the other side then sends no more.
  kj::Promise<void> write(WriteContext context) override;
  kj::Promise<void> end(EndContext context) override;

 private:
  const int fd_;
};

}  // namespace mayfly::api
