#pragma once

#include "api/mayfly.capnp.h"
#include "base/owned_fd.h"

namespace mayfly::api {

// An open file as a capability: sent to the other side, it arrives there as a descriptor of its
// own.
class FdFile final : public rpc::File::Server {
 public:
  explicit FdFile(OwnedFd fd) : fd_(std::move(fd)) {}

  kj::Maybe<int> getFd() override { return fd_.get(); }

 private:
  OwnedFd fd_;
};

}  // namespace mayfly::api
