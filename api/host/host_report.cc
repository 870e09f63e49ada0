#include "api/host/host_report.h"

#include <unistd.h>

#include "api/host/host_counters.h"
#include "api/host/latency_histogram.h"
#include "api/host/process_usage.h"
#include "api/version.h"
#include "base/clock.h"

namespace mayfly::api {
namespace {

[[nodiscard]] uint64_t Positive(long value) { return value < 0 ? 0 : static_cast<uint64_t>(value); }

void EncodeLatency(const LatencyHistogram& histogram, rpc::StepLatency::Builder builder) {
  builder.setCount(histogram.count());
  builder.setSumMicroseconds(histogram.sum_microseconds());
  const auto& counts = histogram.counts();
  auto buckets = builder.initBuckets(static_cast<capnp::uint>(counts.size()));
  for (capnp::uint at = 0; at < counts.size(); ++at) {
    const bool last = at == LatencyHistogram::kMicroseconds.size();
    buckets[at].setUpToMicroseconds(last ? 0 : LatencyHistogram::kMicroseconds.at(at));
    buckets[at].setCount(counts.at(at));
  }
}

}  // namespace

StateCounts CountStates(const Fleet& fleet) {
  StateCounts counts{};
  fleet.ForEach([&](const Vm& vm) { ++counts.at(static_cast<size_t>(vm.state())); });
  return counts;
}

void EncodeCapacity(const Fleet& fleet, ConnectionCount connections,
                    rpc::HostCapacity::Builder builder) {
  const VmTotals& taken = fleet.total().taken();
  const VmTotals& most = fleet.total().most();
  builder.setMachines(static_cast<uint32_t>(taken.machines));
  builder.setMachinesMost(static_cast<uint32_t>(most.machines));
  builder.setMemoryBytes(taken.memory_bytes);
  builder.setMemoryBytesMost(most.memory_bytes);
  builder.setHostMemoryBytes(Positive(::sysconf(_SC_PHYS_PAGES)) *
                             Positive(::sysconf(_SC_PAGESIZE)));
  builder.setCpus(taken.cpus);
  builder.setCpusMost(most.cpus);
  builder.setHostCpus(static_cast<uint32_t>(Positive(::sysconf(_SC_NPROCESSORS_ONLN))));
  builder.setOpenFiles(OpenFiles());
  builder.setOpenFilesMost(MostOpenFiles());
  builder.setConnections(connections.now);
  builder.setConnectionsMost(connections.most);
}

void EncodeStats(const Fleet& fleet, ConnectionCount connections, rpc::HostStats::Builder builder) {
  const HostCounters& counters = fleet.counters();
  builder.setVersion(kj::StringPtr(kVersion.data(), kVersion.size()));
  builder.setUptimeNanoseconds(static_cast<uint64_t>((MonotonicNow() - counters.started).count()));
  builder.setLaunches(counters.launches);
  builder.setFailures(counters.AllFailures());
  auto exits = builder.initExits(kExitReasons);
  for (capnp::uint reason = 0; reason < kExitReasons; ++reason) {
    exits[reason].setReason(static_cast<rpc::ExitReason>(reason));
    exits[reason].setCount(counters.exits.at(reason));
  }
  const StateCounts states = CountStates(fleet);
  builder.setCreated(states.at(static_cast<size_t>(rpc::MachineState::CREATED)));
  builder.setRunning(states.at(static_cast<size_t>(rpc::MachineState::RUNNING)));
  builder.setPaused(states.at(static_cast<size_t>(rpc::MachineState::PAUSED)));
  builder.setEnded(states.at(static_cast<size_t>(rpc::MachineState::ENDED)));
  builder.setConnections(connections.now);
  auto latencies = builder.initLatencies(kTimelineSteps - 1);
  for (capnp::uint step = 1; step < kTimelineSteps; ++step) {
    latencies[step - 1].setStep(static_cast<rpc::TimelineStep>(step));
    EncodeLatency(counters.steps.at(step), latencies[step - 1]);
  }
}

}  // namespace mayfly::api
