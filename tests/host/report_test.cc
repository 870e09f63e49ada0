// What mayflyd tells of its VMs and itself, and what it holds its clients to.

#include <sys/resource.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "api/codec/exit_status_codec.h"
#include "tests/host/host_test.h"

namespace mayfly::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

struct Told {
  uint64_t sequence;
  rpc::EventKind kind;
  std::string name;
  std::optional<vmm::ExitStatus> exit;
};

class Listener final : public rpc::EventListener::Server {
 public:
  explicit Listener(std::vector<Told>& events) : events_(events) {}

 protected:
  kj::Promise<void> event(EventContext context) override {
    const auto event = context.getParams().getEvent();
    Told& told = events_.emplace_back(
        Told{event.getSequence(), event.getKind(), event.getName().cStr(), std::nullopt});
    if (event.hasExit()) told.exit = api::DecodeExitStatus(event.getExit());
    return kj::READY_NOW;
  }

 private:
  std::vector<Told>& events_;
};

class ReportTest : public HostTest {
 protected:
  void Listen(api::HostConnection& client, std::vector<Told>& events, uint64_t since = 0) {
    auto request = client.host().eventsRequest();
    request.setListener(kj::heap<Listener>(events));
    request.setSince(since);
    request.send().wait(io_.waitScope);
  }
  // A VM that ends by itself, and has.
  void RunOne(api::HostConnection& client, const std::string& name) {
    auto request = LaunchRequest(client, "exit_status");
    request.getSpec().setCommandLine("status=3");
    request.setName(name.c_str());
    (void)request.send().getMachine().waitRequest().send().wait(io_.waitScope);
  }
};

TEST_F(ReportTest, EventsAreNumberedKeptAndPushed) {
  StartDaemon();
  auto client = Connect();
  RunOne(*client, "early");
  std::vector<Told> all;
  Listen(*client, all);
  RunOne(*client, "late");
  ASSERT_TRUE(Await([&] { return all.size() >= 4; })) << all.size();
  std::vector<std::string> names;
  for (size_t at = 0; at < all.size(); ++at) {
    EXPECT_EQ(all[at].sequence, at + 1);
    names.push_back(all[at].name);
    EXPECT_EQ(all[at].exit.has_value(), all[at].kind == rpc::EventKind::EXITED);
    if (!all[at].exit) continue;
    EXPECT_EQ(all[at].exit->reason, vmm::ExitReason::kStatus);
    EXPECT_EQ(all[at].exit->status, 3);
  }
  EXPECT_THAT(names, ElementsAre("early", "early", "late", "late"));
  // A guest may have ended before its launch is told.
  EXPECT_THAT((std::vector{all[2].kind, all[3].kind}),
              UnorderedElementsAre(rpc::EventKind::LAUNCHED, rpc::EventKind::EXITED));
  std::vector<Told> recent;
  Listen(*client, recent, 3);
  ASSERT_TRUE(Await([&] { return !recent.empty(); }));
  EXPECT_EQ(recent.front().sequence, 4U);
  StopDaemon();
}

TEST_F(ReportTest, StatsAndCapacityCountWhatHappened) {
  StartDaemon();
  auto client = Connect();
  RunOne(*client, "one");
  auto bad = LaunchRequest(*client, "halt");
  bad.initSpec();
  EXPECT_FALSE(ErrorOf(bad.send()).ok());
  auto held = LaunchRequest(*client, "halt").send();
  auto machine = held.getMachine();
  held.ignoreResult().wait(io_.waitScope);
  auto answer = client->host().statsRequest().send().wait(io_.waitScope);
  const auto stats = answer.getStats();
  EXPECT_EQ(stats.getLaunches(), 2U);
  EXPECT_EQ(stats.getFailures(), 1U);
  EXPECT_EQ(stats.getRunning(), 1U);
  EXPECT_EQ(stats.getConnections(), 1U);
  EXPECT_EQ(stats.getExits()[static_cast<unsigned>(rpc::ExitReason::STATUS)].getCount(), 1U);
  const auto first_run =
      stats.getLatencies()[static_cast<unsigned>(rpc::TimelineStep::FIRST_RUN) - 1];
  EXPECT_EQ(first_run.getStep(), rpc::TimelineStep::FIRST_RUN);
  EXPECT_GE(first_run.getCount(), 1U);
  EXPECT_GT(first_run.getSumMicroseconds(), 0U);
  auto room = client->host().capacityRequest().send().wait(io_.waitScope);
  const auto capacity = room.getCapacity();
  EXPECT_GE(capacity.getMachines(), 1U);
  EXPECT_GE(capacity.getMemoryBytes(), uint64_t{128} << 20);
  EXPECT_GT(capacity.getMachinesMost(), 0U);
  EXPECT_GT(capacity.getHostCpus(), 0U);
  EXPECT_GT(capacity.getOpenFiles(), 0U);
  EXPECT_LE(capacity.getOpenFiles(), capacity.getOpenFilesMost());
  StopDaemon();
}

// All of them detached, while all connections are there.
TEST_F(ReportTest, AsManyVmsCanBeHadAsOpenFilesAreReckonedWith) {
  constexpr rlim_t kFiles = 200;
  constexpr unsigned kConnections = 8;
  StartDaemon({"--config", MakeFile("config.json", R"({"connections": 8})")}, [](Command& daemon) {
    daemon.Prepare([] {
      const rlimit limit = {.rlim_cur = kFiles, .rlim_max = kFiles};
      if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) std::abort();
    });
  });
  std::vector<kj::Own<api::HostConnection>> clients;
  for (unsigned count = 0; count < kConnections; ++count) {
    clients.push_back(Connect());
    (void)List(*clients.back());
  }
  auto& client = *clients.front();
  auto answer = client.host().capacityRequest().send().wait(io_.waitScope);
  const uint32_t most = answer.getCapacity().getMachinesMost();
  EXPECT_EQ(answer.getCapacity().getOpenFilesMost(), kFiles);
  EXPECT_GT(most, 1U);
  EXPECT_LT(most, kFiles / 2);
  const auto launch = [&](uint32_t number) {
    auto request = SmallLaunchRequest(client, "halt");
    request.setName(("vm-" + std::to_string(number)).c_str());
    request.setDetached(true);
    return ErrorOf(request.send());
  };
  for (uint32_t number = 0; number < most; ++number) EXPECT_EQ(launch(number), absl::OkStatus());
  EXPECT_TRUE(absl::IsResourceExhausted(launch(most)));
  for (uint32_t number = 0; number < most; ++number) {
    Get(client, "vm-" + std::to_string(number)).attachRequest().send().wait(io_.waitScope);
  }
  AwaitTaken(client, 0);
  clients.clear();
  StopDaemon();
}

TEST_F(ReportTest, AVmCanBeLookedAtByItsName) {
  StartDaemon();
  auto client = Connect();
  auto request = LaunchRequest(*client, "halt");
  request.setName("web");
  request.getSpec().setCommandLine("a word");
  request.getSpec().getKernel().setName("halt");
  request.getSpec().initNets(1)[0].setMtu(1400);
  auto held = request.send();
  auto machine = held.getMachine();
  held.ignoreResult().wait(io_.waitScope);
  auto inspect = client->host().inspectRequest();
  inspect.setName("web");
  auto answer = inspect.send().wait(io_.waitScope);
  EXPECT_EQ(answer.getInfo().getName(), "web");
  EXPECT_EQ(answer.getInfo().getState(), rpc::MachineState::RUNNING);
  EXPECT_EQ(answer.getSpec().getCommandLine(), "a word");
  EXPECT_EQ(answer.getSpec().getKernel().getName(), "halt");
  EXPECT_FALSE(answer.getSpec().getKernel().hasFile());
  EXPECT_FALSE(answer.getSpec().hasCpuProfile());
  EXPECT_EQ(answer.getSpec().getNets()[0].getMtu(), 1400);
  StopDaemon();
}

TEST_F(ReportTest, ADrainedHostLaunchesNothingAndSaysWhenTheLastHasEnded) {
  StartDaemon();
  auto client = Connect();
  auto held = LaunchRequest(*client, "halt").send();
  auto machine = held.getMachine();
  held.ignoreResult().wait(io_.waitScope);
  auto drained = client->host().drainRequest().send();
  const absl::Status refused = ErrorOf(LaunchRequest(*client, "halt").send());
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_FALSE(drained.poll(io_.waitScope));
  machine.killRequest().send().wait(io_.waitScope);
  drained.wait(io_.waitScope);
  StopDaemon();
}

}  // namespace
}  // namespace mayfly::testing
