// As many VMs as one client may want.

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tests/host/host_test.h"

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kVms = 1000;

class ThousandTest : public HostTest {};

TEST_F(ThousandTest, VmsAreCountedAndEndWithTheirClient) {
  StartDaemon();
  auto onlooker = Connect();
  (void)SmallLaunchRequest(*onlooker, "exit_status")
      .send()
      .getMachine()
      .waitRequest()
      .send()
      .wait(io_.waitScope);
  AwaitTaken(*onlooker, 0);
  const Traces before = TracesNow();
  auto client = Connect();
  std::vector<rpc::Machine::Client> machines;
  std::vector<kj::Promise<void>> launches;
  for (unsigned vm = 0; vm < kVms; ++vm) {
    auto launch = SmallLaunchRequest(*client, "halt").send();
    machines.push_back(launch.getMachine());
    launches.push_back(launch.ignoreResult());
  }
  for (auto& launch : launches) launch.wait(io_.waitScope);
  const CommandResult ps = MayflyOfHost({"ps", "-o", "json"}).Run();
  EXPECT_EQ(ps.exit_code, 0) << ps.err;
  // A line for each.
  EXPECT_EQ(std::ranges::count(ps.out, '\n'), kVms);
  std::set<uint32_t> processes;
  auto list = List(*onlooker);
  for (const auto machine : list.getMachines()) {
    EXPECT_EQ(machine.getState(), rpc::MachineState::RUNNING);
    processes.insert(machine.getPid());
  }
  EXPECT_EQ(processes.size(), kVms);
  // As if it had died: nothing is released.
  machines.clear();
  client = nullptr;
  AwaitTaken(*onlooker, 0);
  for (const uint32_t process : processes) {
    EXPECT_TRUE(Await([&] { return !fs::exists("/proc/" + std::to_string(process)); })) << process;
  }
  EXPECT_EQ(MayflyOfHost({"ps", "-o", "json"}).Run().out, "");
  AwaitTraces(before);
  onlooker = nullptr;
  StopDaemon();
}

}  // namespace
}  // namespace mayfly::testing
