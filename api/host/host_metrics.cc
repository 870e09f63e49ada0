#include "api/host/host_metrics.h"

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "api/codec/enum_name.h"
#include "api/host/latency_histogram.h"
#include "api/host/process_usage.h"
#include "api/mayfly.capnp.h"
#include "api/version.h"
#include "base/timeline.h"

namespace mayfly::api {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Label = ClientMetric::Label;
using Seconds = std::chrono::duration<double>;

constexpr double kMicrosecondsInSecond = 1e6;

// Values of labels are spelled as in the API.
template <typename Enum>
[[nodiscard]] std::string NameOf(size_t number) {
  return EnumName(static_cast<Enum>(number));
}

[[nodiscard]] MetricFamily Family(std::string name, std::string help, MetricType type) {
  return {.name = std::move(name), .help = std::move(help), .type = type, .metric = {}};
}

[[nodiscard]] MetricFamily Gauge(std::string name, std::string help, double value) {
  MetricFamily family = Family(std::move(name), std::move(help), MetricType::Gauge);
  family.metric.emplace_back().gauge.value = value;
  return family;
}

[[nodiscard]] MetricFamily Counter(std::string name, std::string help, double value) {
  MetricFamily family = Family(std::move(name), std::move(help), MetricType::Counter);
  family.metric.emplace_back().counter.value = value;
  return family;
}

[[nodiscard]] ClientMetric& AddLabelled(MetricFamily& family, std::string name, std::string value) {
  ClientMetric& metric = family.metric.emplace_back();
  metric.label.push_back(Label{.name = std::move(name), .value = std::move(value)});
  return metric;
}

[[nodiscard]] ClientMetric::Histogram HistogramOf(const LatencyHistogram& latency) {
  ClientMetric::Histogram histogram;
  histogram.sample_count = latency.count();
  histogram.sample_sum = static_cast<double>(latency.sum_microseconds()) / kMicrosecondsInSecond;
  uint64_t count = 0;
  for (size_t at = 0; at < latency.counts().size(); ++at) {
    count += latency.counts().at(at);
    const bool last = at == LatencyHistogram::kMicroseconds.size();
    const double bound =
        last ? std::numeric_limits<double>::infinity()
             : static_cast<double>(LatencyHistogram::kMicroseconds.at(at)) / kMicrosecondsInSecond;
    histogram.bucket.push_back({.cumulative_count = count, .upper_bound = bound});
  }
  return histogram;
}

[[nodiscard]] MetricFamily States(const StateCounts& states) {
  MetricFamily family = Family("mayfly_vms", "VMs by state.", MetricType::Gauge);
  for (size_t state = 0; state < states.size(); ++state) {
    AddLabelled(family, "state", NameOf<rpc::MachineState>(state)).gauge.value = states.at(state);
  }
  return family;
}

[[nodiscard]] MetricFamily Failures(const HostCounters& counters) {
  MetricFamily family = Family("mayfly_launch_failures_total",
                               "Launches that failed, by the error.", MetricType::Counter);
  for (size_t code = 1; code < counters.failures.size(); ++code) {
    const uint64_t count = counters.failures.at(code);
    AddLabelled(family, "error", absl::StatusCodeToString(static_cast<absl::StatusCode>(code)))
        .counter.value = static_cast<double>(count);
  }
  return family;
}

[[nodiscard]] MetricFamily Exits(const HostCounters& counters) {
  MetricFamily family =
      Family("mayfly_exits_total", "VMs that ended, by how.", MetricType::Counter);
  for (size_t reason = 0; reason < counters.exits.size(); ++reason) {
    AddLabelled(family, "reason", NameOf<rpc::ExitReason>(reason)).counter.value =
        static_cast<double>(counters.exits.at(reason));
  }
  return family;
}

constexpr auto kFirstStep = static_cast<size_t>(TimelineStep::kSpawned);
constexpr auto kExited = static_cast<size_t>(TimelineStep::kExited);

[[nodiscard]] MetricFamily Starts(const HostCounters& counters) {
  MetricFamily family =
      Family("mayfly_start_seconds", "From the request of a launch to a step of the VM's start.",
             MetricType::Histogram);
  for (size_t step = kFirstStep; step < kExited; ++step) {
    AddLabelled(family, "step", NameOf<rpc::TimelineStep>(step)).histogram =
        HistogramOf(counters.steps.at(step));
  }
  return family;
}

[[nodiscard]] MetricFamily Lifetimes(const HostCounters& counters) {
  MetricFamily family =
      Family("mayfly_vm_lifetime_seconds", "From the request of a launch to the VM's end.",
             MetricType::Histogram);
  family.metric.emplace_back().histogram = HistogramOf(counters.steps.at(kExited));
  return family;
}

[[nodiscard]] MetricFamily BuildInfo() {
  MetricFamily family = Family("mayfly_build_info", "Always 1.", MetricType::Gauge);
  AddLabelled(family, "version", std::string(kVersion)).gauge.value = 1;
  return family;
}

void AddVms(const HostSnapshot& snapshot, std::vector<MetricFamily>& metrics) {
  uint64_t resident_bytes = 0;
  for (const pid_t process : snapshot.processes) {
    resident_bytes += ProcessUsage::Of(process).resident_bytes;
  }
  const auto number = [](uint64_t value) { return static_cast<double>(value); };
  metrics.push_back(States(snapshot.states));
  metrics.push_back(Gauge("mayfly_vms_limit", "How many VMs there may be at once.",
                          number(snapshot.most.machines)));
  metrics.push_back(Gauge("mayfly_vm_cpus", "vCPUs of all VMs.", number(snapshot.taken.cpus)));
  metrics.push_back(Gauge("mayfly_vm_memory_committed_bytes",
                          "Memory of the guests of all VMs, touched or not.",
                          number(snapshot.taken.memory_bytes)));
  metrics.push_back(Gauge("mayfly_vm_memory_resident_bytes",
                          "What the processes of all VMs have of the host's memory.",
                          number(resident_bytes)));
}

void AddProcess(const HostSnapshot& snapshot, std::vector<MetricFamily>& metrics) {
  const ProcessUsage own = ProcessUsage::Of(::getpid());
  const auto seconds = [](Nanoseconds time) { return Seconds(time).count(); };
  metrics.push_back(Gauge("process_start_time_seconds",
                          "When the service started, in seconds since 1970.",
                          seconds(snapshot.counters.started_at)));
  metrics.push_back(
      Counter("process_cpu_seconds_total", "CPU time that the service has taken, without its VMs.",
              seconds(Nanoseconds(static_cast<Nanoseconds::rep>(own.cpu_nanoseconds)))));
  metrics.push_back(Gauge("process_resident_memory_bytes",
                          "What the service has of the host's memory, without its VMs.",
                          static_cast<double>(own.resident_bytes)));
  metrics.push_back(
      Gauge("process_open_fds", "Open files of the service.", static_cast<double>(OpenFiles())));
  metrics.push_back(Gauge("process_max_fds", "How many open files it may have.",
                          static_cast<double>(MostOpenFiles())));
}

}  // namespace

std::vector<MetricFamily> MetricsOf(const HostSnapshot& snapshot) {
  std::vector<MetricFamily> metrics;
  metrics.push_back(BuildInfo());
  AddVms(snapshot, metrics);
  metrics.push_back(Counter("mayfly_launches_total", "VMs that were launched.",
                            static_cast<double>(snapshot.counters.launches)));
  metrics.push_back(Failures(snapshot.counters));
  metrics.push_back(Exits(snapshot.counters));
  metrics.push_back(Starts(snapshot.counters));
  metrics.push_back(Lifetimes(snapshot.counters));
  metrics.push_back(
      Gauge("mayfly_connections", "Connections of clients.", snapshot.connections.now));
  metrics.push_back(Gauge("mayfly_connections_limit", "How many there may be at once.",
                          snapshot.connections.most));
  AddProcess(snapshot, metrics);
  return metrics;
}

}  // namespace mayfly::api
