#pragma once

#include <kj/async-io.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/client/host_connection.h"
#include "base/owned_fd.h"

namespace mayfly::testing {

// What a client sends, with its descriptors, to be sent again by somebody who does not play along.
class Recording final {
 public:
  // `io` must outlive it.
  explicit Recording(kj::AsyncIoContext& io);
  KJ_DISALLOW_COPY(Recording);

  // Records what `speak` has the client say. No answer ever comes: it must not wait for one.
  void Record(const std::function<void(api::HostConnection&)>& speak);
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] std::string Bytes() const;
  // Sends the first `bytes` of it to `socket`, as long as that takes them; says how many. `spoil`,
  // where given, may change each part of it before, but not its size.
  size_t Play(int socket, size_t bytes,
              const std::function<void(std::string&)>& spoil = nullptr) const;

 private:
  struct Piece {
    std::string bytes;
    std::vector<OwnedFd> fds;  // which go with the first byte
  };

  void Receive();

  kj::AsyncIoContext& io_;
  OwnedFd far_end_;
  std::unique_ptr<api::HostConnection> client_;
  std::vector<Piece> pieces_;
  size_t size_ = 0;
};

}  // namespace mayfly::testing
