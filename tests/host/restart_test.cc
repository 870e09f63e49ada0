// A mayflyd that is killed with many VMs, and started again.

#include <sys/wait.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/host/host_test.h"

namespace mayfly::testing {
namespace {

constexpr unsigned kVms = 200;
constexpr unsigned kDetached = 150;

class RestartTest : public HostTest {
 protected:
  [[nodiscard]] static std::string NameOf(unsigned vm) { return "vm-" + std::to_string(vm); }
  void LaunchAll(api::HostConnection& client, std::vector<rpc::Machine::Client>& machines) {
    std::vector<kj::Promise<void>> launches;
    for (unsigned vm = 0; vm < kVms; ++vm) {
      auto request = SmallLaunchRequest(client, "halt");
      request.setName(NameOf(vm).c_str());
      request.setDetached(vm < kDetached);
      auto launch = request.send();
      machines.push_back(launch.getMachine());
      launches.push_back(launch.ignoreResult());
    }
    for (auto& launch : launches) launch.wait(io_.waitScope);
  }
  // The processes of the VMs that `client` sees, by whether they are detached.
  [[nodiscard]] std::set<pid_t> Processes(api::HostConnection& client, bool detached) {
    std::set<pid_t> processes;
    auto list = List(client);
    for (const auto machine : list.getMachines()) {
      if (machine.getDetached() == detached) {
        processes.insert(static_cast<pid_t>(machine.getPid()));
      }
    }
    return processes;
  }
};

TEST_F(RestartTest, FindsTheDetachedOfManyAndNothingElseIsLeft) {
  StartDaemon();
  auto client = Connect();
  std::vector<rpc::Machine::Client> machines;
  ASSERT_NO_FATAL_FAILURE(LaunchAll(*client, machines));
  const std::set<pid_t> detached = Processes(*client, true);
  const std::set<pid_t> attached = Processes(*client, false);
  ASSERT_EQ(detached.size(), kDetached);
  ASSERT_EQ(attached.size(), kVms - kDetached);
  KillDaemon();
  // The kernel ends them with their starter. They are this process's now: see CliTest.
  for (const pid_t process : attached) EXPECT_EQ(::waitpid(process, nullptr, 0), process);
  machines.clear();
  StartDaemon();
  client = Connect();
  EXPECT_EQ(Processes(*client, true), detached);
  EXPECT_TRUE(Processes(*client, false).empty());
  std::set<std::string> names;
  auto list = List(*client);
  for (const auto machine : list.getMachines()) {
    names.insert(machine.getName());
    EXPECT_EQ(machine.getState(), rpc::MachineState::RUNNING);
  }
  for (unsigned vm = 0; vm < kDetached; ++vm) EXPECT_TRUE(names.contains(NameOf(vm))) << vm;
  // A record and a socket each.
  EXPECT_EQ(TracesNow().stored.size(), size_t{2} * kDetached);
  // It can do all that its predecessor could: here, end them and launch others.
  for (unsigned vm = 0; vm < kDetached; ++vm) {
    Get(*client, NameOf(vm)).attachRequest().send().wait(io_.waitScope);
  }
  AwaitTaken(*client, 0);
  for (const pid_t process : detached) EXPECT_EQ(::waitpid(process, nullptr, 0), process);
  EXPECT_TRUE(Await([this] { return TracesNow().stored.empty(); })) << TracesNow();
  const Traces after = TracesNow();
  EXPECT_EQ(after.processes, 0U);
  ExpectServed(*client);
  AwaitTaken(*client, 0);
  AwaitTraces(after);
  client = nullptr;
  // One that never had any has as much open as this one has now.
  StopDaemon();
  StartDaemon();
  client = Connect();
  ExpectServed(*client);
  AwaitTaken(*client, 0);
  AwaitTraces(after);
  client = nullptr;
  StopDaemon();
}

}  // namespace
}  // namespace mayfly::testing
