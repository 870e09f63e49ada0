#include "api/host/metrics_endpoint.h"

#include <CivetServer.h>
#include <kj/async.h>
#include <kj/exception.h>
#include <pthread.h>
#include <signal.h>

#include <cstdint>
#include <exception>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "api/host/host_metrics.h"
#include "base/status.h"
#include "virtio/net/ip_network.h"

namespace mayfly::api {
namespace {

// One who is slow does not hold up the next.
constexpr char kThreads[] = "2";
constexpr char kMostMillisecondsOfARequest[] = "10000";
constexpr uint32_t kMostPort = 65535;

// Asks the service's event loop for each collection.
class LoopMetrics final : public prometheus::Collectable {
 public:
  LoopMetrics(const kj::Executor& loop, std::function<HostSnapshot()> look)
      : loop_(loop.addRef()), look_(std::move(look)) {}
  LoopMetrics(const LoopMetrics&) = delete;
  LoopMetrics& operator=(const LoopMetrics&) = delete;
  // KJ's destructors may throw, others' may not.
  ~LoopMetrics() noexcept override = default;

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
    try {
      return MetricsOf(loop_->executeSync(look_));
    } catch (const kj::Exception&) {
      // The loop is gone, and so is the service in a moment.
      return {};
    }
  }

 private:
  const kj::Own<const kj::Executor> loop_;
  const std::function<HostSnapshot()> look_;
};

// The server's threads leave all signals to the event loop's.
class NoSignals final {
 public:
  NoSignals() {
    sigset_t all{};
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;
  ~NoSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

// What the server has said in this thread, while one is made: its exception does not tell.
thread_local std::string said;

[[nodiscard]] int Keep(const mg_connection* /*connection*/, const char* message) {
  if (said.empty()) said = message;
  return 1;  // it needs to be written nowhere
}

struct Address {
  std::string host;
  uint32_t port = 0;
};

[[nodiscard]] absl::StatusOr<Address> Parse(const std::string& text) {
  const size_t colon = text.rfind(':');
  Address address;
  if (colon != std::string::npos && absl::SimpleAtoi(text.substr(colon + 1), &address.port) &&
      address.port <= kMostPort) {
    address.host = text.substr(0, colon);
    const bool bracketed =
        address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']';
    const auto ip = virtio::IpAddress::Parse(
        bracketed ? address.host.substr(1, address.host.size() - 2) : address.host);
    if (ip.ok() && bracketed == (ip->family() == virtio::IpFamily::kV6)) return address;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "metrics: \"", text, "\" is no address with a port, such as 127.0.0.1:9470 or [::1]:9470"));
}

}  // namespace

absl::StatusOr<MetricsEndpoint> MetricsEndpoint::Open(const std::string& address) {
  MAYFLY_ASSIGN_OR_RETURN(Address parsed, Parse(address));
  CivetCallbacks callbacks;
  callbacks.log_message = Keep;
  const NoSignals no_signals;
  said.clear();
  try {
    auto exposer = std::make_unique<prometheus::Exposer>(
        std::vector<std::string>{"listening_ports", absl::StrCat(parsed.host, ":", parsed.port),
                                 "num_threads", kThreads, "request_timeout_ms",
                                 kMostMillisecondsOfARequest},
        &callbacks);
    return MetricsEndpoint(std::move(parsed.host), std::move(exposer));
  } catch (const std::exception& error) {
    return absl::UnavailableError(absl::StrCat("metrics: listening on ", address, ": ",
                                               said.empty() ? error.what() : said,
                                               "; choose another address"));
  }
}

void MetricsEndpoint::Serve(std::function<HostSnapshot()> look) {
  metrics_ = std::make_shared<LoopMetrics>(kj::getCurrentThreadExecutor(), std::move(look));
  exposer_->RegisterCollectable(metrics_);
}

std::string MetricsEndpoint::url() const {
  const std::vector<int> ports = exposer_->GetListeningPorts();
  return absl::StrCat("http://", host_, ":", ports.empty() ? 0 : ports.front(), "/metrics");
}

}  // namespace mayfly::api
