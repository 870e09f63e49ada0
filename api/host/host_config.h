#pragma once

#include <capnp/message.h>
#include <kj/memory.h>
#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "api/host/host_socket.h"
#include "api/host_config.capnp.h"

namespace mayfly::api {

// The configuration of a host service, checked, with all that it leaves to the service filled in.
class HostConfigFile final {
 public:
  // `path`: a file in JSON or Cap'n Proto's text; empty: none, and all is by default. `socket`:
  // where clients connect, whatever the file says; empty: nothing is said. Errors: InvalidArgument
  // naming the file, and the field or the line.
  [[nodiscard]] static absl::StatusOr<HostConfigFile> Load(const std::string& path,
                                                           const std::string& socket);

  [[nodiscard]] rpc::HostConfig::Reader config() const {
    return message_->getRoot<rpc::HostConfig>().asReader();
  }
  // Who may connect.
  [[nodiscard]] const SocketAccess& access() const { return access_; }
  // All of it, as a file may have it.
  [[nodiscard]] std::string Text() const;

 private:
  explicit HostConfigFile(kj::Own<capnp::MallocMessageBuilder> message)
      : message_(kj::mv(message)) {}

  // mutable: a builder is needed to read what it has built.
  mutable kj::Own<capnp::MallocMessageBuilder> message_;
  SocketAccess access_;
};

}  // namespace mayfly::api
