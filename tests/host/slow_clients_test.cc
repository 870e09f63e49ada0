// Clients that do not take what they have asked for: only they wait.

#include <signal.h>

#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "api/testing/screen.h"
#include "jailer/sanitized.h"
#include "tests/host/host_test.h"

namespace mayfly::testing {
namespace {

using api::testing::Screen;
using ::testing::HasSubstr;

constexpr uint64_t kKiB = uint64_t{1} << 10;
constexpr uint64_t kMiB = uint64_t{1} << 20;

class SlowClientsTest : public HostTest {
 protected:
  // A VM of another client's, from its launch to an answer on its console.
  void ExpectOthersAreServed() {
    auto client = Connect();
    std::string screen;
    auto request = SmallLaunchRequest(*client, "echo");
    request.setOutput(kj::heap<Screen>(screen));
    auto launched = request.send();
    for (const std::string line : {"hello\n", "quit\n"}) {
      auto write = launched.getInput().writeRequest();
      write.setBytes(kj::StringPtr(line.c_str()).asBytes());
      write.send().wait(io_.waitScope);
    }
    launched.getMachine().waitRequest().send().wait(io_.waitScope);
    EXPECT_THAT(screen, HasSubstr("HELLO"));
  }
  [[nodiscard]] uint64_t ConsoleBytes(rpc::Machine::Client machine) {
    return machine.statsRequest().send().wait(io_.waitScope).getStats().getConsoleBytes();
  }
  // A sanitizer keeps what was freed.
  void ExpectMemoryBelow(uint64_t bytes) {
    if (jailer::kSanitized) return;
    EXPECT_LT(ResidentBytes(daemon().pid()), bytes);
  }
};

TEST_F(SlowClientsTest, AStalledConsoleCostsOnlyItsOwnOldestBytes) {
  StartDaemon();
  auto onlooker = Connect();
  Command stalled =
      MayflyOfHost({"run", "--memory", "8M", "--kernel", GuestPath("flood"), "--name", "flood"});
  stalled.Start();
  stalled.AwaitOutput("a flood of words");
  stalled.Signal(SIGSTOP);
  const uint64_t memory = ResidentBytes(daemon().pid());
  {
    auto narrow = Get(*onlooker, "flood").narrowRequest();
    narrow.initPermissions(1).set(0, rpc::Permission::STATS);
    rpc::Machine::Client watched = narrow.send().wait(io_.waitScope).getMachine();
    ExpectOthersAreServed();
    const uint64_t written = ConsoleBytes(watched);
    // More than is kept of it, here and on its way.
    while (ConsoleBytes(watched) < written + 384 * kKiB) Pause();
  }
  ExpectOthersAreServed();
  ExpectMemoryBelow(memory + 4 * kMiB);
  // Going on, it is told of the gap.
  stalled.Signal(SIGCONT);
  stalled.AwaitOutput("bytes of console output were lost here");
  stalled.Signal(SIGKILL);
  EXPECT_EQ(stalled.Wait().signal, SIGKILL);
  AwaitCount(*onlooker, 0);
  onlooker = nullptr;
  StopDaemon();
}

// Holds each event until it is let go of.
class HoldingListener final : public rpc::EventListener::Server {
 public:
  HoldingListener(std::vector<rpc::EventKind>& told, kj::ForkedPromise<void>& released)
      : told_(told), released_(released) {}

 protected:
  kj::Promise<void> event(EventContext context) override {
    told_.push_back(context.getParams().getEvent().getKind());
    return released_.addBranch();
  }

 private:
  std::vector<rpc::EventKind>& told_;
  kj::ForkedPromise<void>& released_;
};

TEST_F(SlowClientsTest, AStalledListenerIsToldHowMuchItHasMissed) {
  constexpr unsigned kVms = 60;  // and two events of each
  StartDaemon({"--config", MakeFile("config.json", R"({"eventsKept": 20})")});
  auto release = kj::newPromiseAndFulfiller<void>();
  auto released = release.promise.fork();
  auto now = kj::Promise<void>(kj::READY_NOW).fork();
  std::vector<rpc::EventKind> to_slow;
  std::vector<rpc::EventKind> to_quick;
  auto slow = Connect();
  auto quick = Connect();
  const auto listen = [this](api::HostConnection& client, std::vector<rpc::EventKind>& told,
                             kj::ForkedPromise<void>& gate) {
    auto request = client.host().eventsRequest();
    request.setListener(kj::heap<HoldingListener>(told, gate));
    request.send().wait(io_.waitScope);
  };
  listen(*slow, to_slow, released);
  listen(*quick, to_quick, now);
  for (unsigned vm = 0; vm < kVms; ++vm) {
    (void)SmallLaunchRequest(*quick, "exit_status")
        .send()
        .getMachine()
        .waitRequest()
        .send()
        .wait(io_.waitScope);
  }
  while (to_quick.size() < size_t{2} * kVms) Pause();
  EXPECT_THAT(to_quick, ::testing::Not(::testing::Contains(rpc::EventKind::LOST)));
  EXPECT_LT(to_slow.size(), 20U);
  release.fulfiller->fulfill();
  while (std::ranges::find(to_slow, rpc::EventKind::LOST) == to_slow.end()) Pause();
  slow = nullptr;
  quick = nullptr;
  StopDaemon();
}

}  // namespace
}  // namespace mayfly::testing
