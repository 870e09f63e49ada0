// Clients that do not take what they have asked for: only they wait.

#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "api/testing/screen.h"
#include "base/unix_address.h"
#include "jailer/sanitized.h"
#include "tests/host/host_test.h"
#include "tests/host/recording.h"

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
  // Sends all of `bytes`, or as much as the service takes; says how much.
  size_t Tell(int socket, const std::string& bytes, api::HostConnection& onlooker) {
    constexpr unsigned kDeaf = 100;  // turns of the service in which it has taken nothing
    size_t told = 0;
    for (unsigned turns = 0; told < bytes.size() && turns < kDeaf; ++turns) {
      const ssize_t sent =
          ::send(socket, bytes.data() + told, bytes.size() - told, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) {
        told += static_cast<size_t>(sent);
        turns = 0;
      }
      (void)List(onlooker);
    }
    return told;
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
    EXPECT_TRUE(Await([&] { return ConsoleBytes(watched) >= written + 384 * kKiB; }))
        << ConsoleBytes(watched) - written << " bytes more";
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
  EXPECT_TRUE(Await([&] { return to_quick.size() >= size_t{2} * kVms; })) << to_quick.size();
  EXPECT_THAT(to_quick, ::testing::Not(::testing::Contains(rpc::EventKind::LOST)));
  EXPECT_LT(to_slow.size(), 20U);
  release.fulfiller->fulfill();
  EXPECT_TRUE(Await([&] {
    return std::ranges::find(to_slow, rpc::EventKind::LOST) != to_slow.end();
  })) << to_slow.size()
      << " events";
  slow = nullptr;
  quick = nullptr;
  StopDaemon();
}

// Answers pile up for nobody: who does not read them is not listened to, either.
TEST_F(SlowClientsTest, ThatAskAndNeverReadTheAnswersCostNoMemory) {
  constexpr unsigned kVms = 50;
  constexpr unsigned kQuestions = 20'000;
  StartDaemon();
  auto onlooker = Connect();
  std::vector<rpc::Machine::Client> machines;
  for (unsigned vm = 0; vm < kVms; ++vm) {
    machines.push_back(
        SmallLaunchRequest(*onlooker, "halt").send().wait(io_.waitScope).getMachine());
  }
  Recording recording(io_);
  std::vector<capnp::RemotePromise<rpc::Host::ListResults>> asked;
  recording.Record([&](api::HostConnection& client) {
    for (unsigned question = 0; question < kQuestions; ++question) {
      asked.push_back(client.host().listRequest().send());
    }
  });
  auto mute = UnixAddress::At(this->socket())->Connect();
  ASSERT_TRUE(mute.ok()) << mute.status();
  const uint64_t memory = ResidentBytes(daemon().pid());
  ASSERT_GT(recording.size(), kMiB / 2);
  EXPECT_GT(Tell(mute->get(), recording.Bytes(), *onlooker), 0U);
  ExpectOthersAreServed();
  ExpectMemoryBelow(memory + 16 * kMiB);
  // Nor does its end, with all that was not said, cost others anything.
  mute->Reset();
  ExpectOthersAreServed();
  machines.clear();
  AwaitCount(*onlooker, 0);
  onlooker = nullptr;
  StopDaemon();
}

// So do waits for the end of a VM, which are all answered at once.
TEST_F(SlowClientsTest, ThatWaitAThousandfoldAndNeverReadTheAnswersCostNobodyElse) {
  constexpr unsigned kWaits = 20'000;
  StartDaemon();
  auto onlooker = Connect();
  auto request = SmallLaunchRequest(*onlooker, "halt");
  request.setName("vm");
  auto machine = request.send().wait(io_.waitScope).getMachine();
  Recording recording(io_);
  std::vector<capnp::RemotePromise<rpc::Machine::WaitResults>> waits;
  recording.Record([&](api::HostConnection& client) {
    auto get = client.host().getRequest();
    get.setName("vm");
    auto found = get.send();
    for (unsigned wait = 0; wait < kWaits; ++wait) {
      waits.push_back(found.getMachine().waitRequest().send());
    }
  });
  auto mute = UnixAddress::At(this->socket())->Connect();
  ASSERT_TRUE(mute.ok()) << mute.status();
  ASSERT_GT(recording.size(), kMiB / 2);
  EXPECT_GT(Tell(mute->get(), recording.Bytes(), *onlooker), 0U);
  machine.killRequest().send().wait(io_.waitScope);
  ExpectOthersAreServed();
  mute->Reset();
  ExpectOthersAreServed();
  onlooker = nullptr;
  waits.clear();
  machine = nullptr;
  StopDaemon();
}

}  // namespace
}  // namespace mayfly::testing
