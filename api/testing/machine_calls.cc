#include "api/testing/machine_calls.h"

#include "api/testing/screen.h"

namespace mayfly::api::testing {

std::vector<MachineCall> MachineCalls(std::string& screen) {
  using Machine = rpc::Machine::Client;
  return {
      {"start", [](Machine vm) { return vm.startRequest().send().ignoreResult(); }},
      {"kill", [](Machine vm) { return vm.killRequest().send().ignoreResult(); }},
      {"console",
       [&screen](Machine vm) {
         auto request = vm.consoleRequest();
         request.setOutput(kj::heap<Screen>(screen));
         return request.send().ignoreResult();
       }},
      {"console without a stream",
       [](Machine vm) { return vm.consoleRequest().send().ignoreResult(); }},
      {"timeline", [](Machine vm) { return vm.timelineRequest().send().ignoreResult(); }},
      {"updateDisk", [](Machine vm) { return vm.updateDiskRequest().send().ignoreResult(); }},
      {"updateNet", [](Machine vm) { return vm.updateNetRequest().send().ignoreResult(); }},
      {"resizeDisk", [](Machine vm) { return vm.resizeDiskRequest().send().ignoreResult(); }},
      {"stats", [](Machine vm) { return vm.statsRequest().send().ignoreResult(); }},
      {"events without a listener",
       [](Machine vm) { return vm.eventsRequest().send().ignoreResult(); }},
      {"narrow, then kill",
       [](Machine vm) {
         auto narrow = vm.narrowRequest();
         narrow.initPermissions(1).set(0, rpc::Permission::WAIT);
         return narrow.send().getMachine().killRequest().send().ignoreResult();
       }},
      {"narrow to what there is not",
       [](Machine vm) {
         auto narrow = vm.narrowRequest();
         narrow.initPermissions(1).set(0, static_cast<rpc::Permission>(77));
         return narrow.send().ignoreResult();
       }},
      {"attach", [](Machine vm) { return vm.attachRequest().send().ignoreResult(); }},
      {"pause", [](Machine vm) { return vm.pauseRequest().send().ignoreResult(); }},
      {"resume", [](Machine vm) { return vm.resumeRequest().send().ignoreResult(); }},
      {"powerButton", [](Machine vm) { return vm.powerButtonRequest().send().ignoreResult(); }},
  };
}

}  // namespace mayfly::api::testing
