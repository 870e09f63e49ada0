#pragma once

#include <capnp/capability.h>
#include <kj/async-io.h>

#include <span>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "api/cli/host/host_choice.h"
#include "api/cli/run_options.h"
#include "api/client/host_connection.h"
#include "api/codec/rpc_status.h"
#include "api/mayfly.capnp.h"
#include "base/clock.h"

namespace mayfly::cli {

// A host service, for a command that asks it and waits for what it says.
//
// Threading: one to a thread: it has the thread's event loop.
class HostClient final {
 public:
  // Errors: with what to do.
  [[nodiscard]] static absl::StatusOr<kj::Own<HostClient>> Connect(const HostChoice& choice);

  explicit HostClient(std::string path) : path_(std::move(path)), io_(kj::setupAsyncIo()) {}
  KJ_DISALLOW_COPY(HostClient);

  // Of the service's socket.
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] kj::AsyncIoContext& io() { return io_; }
  [[nodiscard]] rpc::Host::Client host() { return connection_->host(); }

  template <typename Results>
  [[nodiscard]] absl::StatusOr<capnp::Response<Results>> Await(
      capnp::RemotePromise<Results>&& promise) {
    try {
      return promise.wait(io_.waitScope);
    } catch (const kj::Exception& exception) {
      return Explain(exception);
    }
  }
  // Of what a call has thrown: what to do where the service is gone.
  [[nodiscard]] absl::Status Explain(const kj::Exception& exception);

  // Lets time pass.
  void Pause(Nanoseconds time);
  // Fulfilled when the connection has ended.
  [[nodiscard]] kj::Promise<void> WhenLost() { return connection_->WhenLost(); }

  [[nodiscard]] absl::StatusOr<rpc::Machine::Client> Get(const std::string& name);
  // All VMs that have these labels.
  [[nodiscard]] absl::StatusOr<capnp::Response<rpc::Host::ListResults>> List(
      std::span<const LabelOption> labels);

 private:
  std::string path_;
  kj::AsyncIoContext io_;
  kj::Own<api::HostConnection> connection_;
};

}  // namespace mayfly::cli
