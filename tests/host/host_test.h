#pragma once

#include <kj/async-io.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "api/client/host_connection.h"
#include "api/mayfly.capnp.h"
#include "tests/cli/cli_test.h"
#include "tests/host/traces.h"

namespace mayfly::testing {

// Runs the real `mayflyd` on this host's KVM, and speaks to it.
class HostTest : public CliTest {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~HostTest() noexcept override = default;
  void SetUp() override;

  [[nodiscard]] std::string socket() const { return Path("host.sock"); }
  // `mayflyd --socket <socket()>` with these further words.
  [[nodiscard]] Command Mayflyd(std::vector<std::string> words = {}) const;
  // A running one, which `prepare` may change before.
  void StartDaemon(std::vector<std::string> words = {},
                   const std::function<void(Command&)>& prepare = nullptr);
  // Ends it with SIGTERM, and expects that it does so in order.
  void StopDaemon();
  // As if the host had crashed.
  void KillDaemon();
  [[nodiscard]] Command& daemon() { return *daemon_; }
  [[nodiscard]] Traces TracesNow() const { return Traces::Of(daemon_->pid(), socket()); }
  // Until nothing is left of what came since `before`; fails the test where that takes too long.
  void AwaitTraces(const Traces& before);
  // Until all that VMs took of the service is given back but what `count` of them have, ending ones
  // among them, which are not listed any more.
  void AwaitTaken(api::HostConnection& client, unsigned count);
  // `mayfly` with these words, for the running service.
  [[nodiscard]] Command MayflyOfHost(std::vector<std::string> words) const;

  // Tries until somebody listens.
  [[nodiscard]] kj::Own<api::HostConnection> Connect();
  // A request for a VM that runs `guest`, whose console nobody reads, and is started.
  [[nodiscard]] static capnp::Request<rpc::Host::LaunchParams, rpc::Host::LaunchResults>
  LaunchRequest(api::HostConnection& client, const std::string& guest);
  // The same, of the least memory that a guest can have.
  [[nodiscard]] static capnp::Request<rpc::Host::LaunchParams, rpc::Host::LaunchResults>
  SmallLaunchRequest(api::HostConnection& client, const std::string& guest);
  // Launches a small VM, which runs to its end.
  void ExpectServed(api::HostConnection& client);
  [[nodiscard]] rpc::Machine::Client Get(api::HostConnection& client, const std::string& name);
  [[nodiscard]] capnp::Response<rpc::Host::ListResults> List(api::HostConnection& client);
  // Until `count` VMs are listed; fails the test where that takes too long.
  void AwaitCount(api::HostConnection& client, unsigned count);
  // Attaches all detached VMs that `client` sees: they end, where nobody holds them.
  void RemoveDetached(api::HostConnection& client);
  // The error that `promise` ends with.
  [[nodiscard]] absl::Status ErrorOf(kj::Promise<void> promise);
  template <typename Results>
  [[nodiscard]] absl::Status ErrorOf(capnp::RemotePromise<Results> promise) {
    return ErrorOf(promise.ignoreResult());
  }
  // Calls of ours go on meanwhile.
  void Pause() override;

  kj::AsyncIoContext io_ = kj::setupAsyncIo();

 private:
  [[nodiscard]] std::vector<std::string> Argv(std::vector<std::string> words) const;
  [[nodiscard]] std::vector<std::string> Environment() const;

  std::optional<Command> daemon_;
};

}  // namespace mayfly::testing
