#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "api/host/host_snapshot.h"

namespace mayfly::api {

// `snapshot` as Prometheus collects it; docs/mayflyd.md has the table. Looks at the VMs' processes,
// some ten microseconds for each. Thread-safe.
[[nodiscard]] std::vector<prometheus::MetricFamily> MetricsOf(const HostSnapshot& snapshot);

}  // namespace mayfly::api
