#pragma once

#include <prometheus/exposer.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "api/host/host_snapshot.h"

namespace mayfly::api {

// Answers GET /metrics over HTTP, for Prometheus, in threads of its own.
//
// Threading: the thread of the event loop, which the other threads ask for a snapshot and which
// never waits for them. Must outlive that loop: with the loop's end, those that still ask give up.
class MetricsEndpoint final {
 public:
  // `address` as the configuration has it: "127.0.0.1:9470", "[::1]:9470". Answers 404 until
  // Serve(). Errors: InvalidArgument for what is no address; what the host says of it.
  [[nodiscard]] static absl::StatusOr<MetricsEndpoint> Open(const std::string& address);

  // Shows what `look` returns, which is called in this thread's event loop. Once.
  void Serve(std::function<HostSnapshot()> look);
  // Where it listens: where `address` has the port 0, the kernel chose one.
  [[nodiscard]] std::string url() const;

 private:
  MetricsEndpoint(std::string host, std::unique_ptr<prometheus::Exposer> exposer)
      : host_(std::move(host)), exposer_(std::move(exposer)) {}

  std::string host_;  // with brackets where it has colons
  // Before the exposer, which only observes it.
  std::shared_ptr<prometheus::Collectable> metrics_;
  std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace mayfly::api
