#include "api/host/host_snapshot.h"

namespace mayfly::api {

HostSnapshot HostSnapshot::Of(const Fleet& fleet, ConnectionCount connections) {
  HostSnapshot snapshot{.counters = fleet.counters(),
                        .states = CountStates(fleet),
                        .taken = fleet.total().taken(),
                        .most = fleet.total().most(),
                        .connections = connections,
                        .processes = {}};
  fleet.ForEach([&](const Vm& vm) {
    if (vm.pid() != 0) snapshot.processes.push_back(vm.pid());
  });
  return snapshot;
}

}  // namespace mayfly::api
