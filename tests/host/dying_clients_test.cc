// Clients that die in the middle of something: nothing of theirs is left.

#include <signal.h>

#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "api/testing/screen.h"
#include "base/unix_address.h"
#include "tests/host/host_test.h"
#include "tests/host/recording.h"

namespace mayfly::testing {
namespace {

using api::testing::Screen;

constexpr unsigned kDeaths = 50;

class DyingClientsTest : public HostTest {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~DyingClientsTest() noexcept override = default;
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) return;
    StartDaemon();
    onlooker_ = Connect();
    // What is made once, and stays.
    (void)SmallLaunchRequest(*onlooker_, "hello")
        .send()
        .getMachine()
        .waitRequest()
        .send()
        .wait(io_.waitScope);
    AwaitTaken(*onlooker_, 0);
    before_ = TracesNow();
  }
  // Nothing is left, and others are served.
  void ExpectNothingLeft() {
    AwaitTaken(*onlooker_, 0);
    AwaitTraces(before_);
    ExpectServed(*onlooker_);
    AwaitTaken(*onlooker_, 0);
    AwaitTraces(before_);
    onlooker_ = nullptr;
    StopDaemon();
  }

  kj::Own<api::HostConnection> onlooker_;
  Traces before_;
};

// Whatever part of its requests a client had sent.
TEST_F(DyingClientsTest, AfterAPartOfWhatItHadToSay) {
  Recording recording(io_);
  std::string screen;
  kj::Maybe<capnp::RemotePromise<rpc::Host::LaunchResults>> launch;
  kj::Maybe<capnp::RemotePromise<rpc::Machine::WaitResults>> wait;
  recording.Record([&](api::HostConnection& client) {
    auto request = SmallLaunchRequest(client, "halt");
    request.setOutput(kj::heap<Screen>(screen));
    auto promise = request.send();
    wait = promise.getMachine().waitRequest().send();
    launch = kj::mv(promise);
  });
  ASSERT_GT(recording.size(), kDeaths);
  for (unsigned death = 0; death <= kDeaths; ++death) {
    const size_t bytes = recording.size() * death / kDeaths;
    const auto socket = UnixAddress::At(this->socket())->Connect();
    ASSERT_TRUE(socket.ok()) << socket.status();
    EXPECT_EQ(recording.Play(socket->get(), bytes), bytes);
  }
  ExpectNothingLeft();
}

// A client that has more under way than is taken is not read, and thus not heard hanging up.
TEST_F(DyingClientsTest, WithMoreUnderWayThanIsRead) {
  constexpr uint16_t kWait = 2;                          // the method's number in the schema
  const std::vector<kj::byte> padding(size_t{5} << 20);  // of 8 MiB in all
  auto client = Connect();
  auto machine = SmallLaunchRequest(*client, "halt").send().wait(io_.waitScope).getMachine();
  std::vector<capnp::RemotePromise<capnp::AnyPointer>> waits;
  for (int count = 0; count < 2; ++count) {
    auto wait = machine.typelessRequest(capnp::typeId<rpc::Machine>(), kWait, nullptr);
    wait.initAsAnyStruct(0, 1).getPointerSection()[0].setAs<capnp::Data>(
        kj::arrayPtr(padding.data(), padding.size()));
    waits.push_back(wait.send());
  }
  auto listed = client->host().listRequest().send();
  constexpr unsigned kTurns = 200;
  for (unsigned turn = 0; turn < kTurns; ++turn) (void)List(*onlooker_);
  EXPECT_FALSE(listed.poll(io_.waitScope)) << "it is read all the same";
  client = nullptr;
  ExpectNothingLeft();
}

// Whatever had become of them meanwhile.
TEST_F(DyingClientsTest, BetweenItsRequestsAndTheAnswers) {
  for (unsigned death = 0; death < kDeaths; ++death) {
    std::string screen;
    auto client = Connect();
    auto request = SmallLaunchRequest(*client, "halt");
    request.setOutput(kj::heap<Screen>(screen));
    const std::string name = "vm-" + std::to_string(death);
    request.setName(name.c_str());
    request.setDetached(death % 2 == 1);
    auto launch = request.send();
    auto wait = launch.getMachine().waitRequest().send();
    auto pause = launch.getMachine().pauseRequest().send();
    // Some 100 us are what a turn of the service takes, and a launch has tens of them.
    io_.provider->getTimer().afterDelay(death * 100 * kj::MICROSECONDS).wait(io_.waitScope);
    client = nullptr;
  }
  // A launch that is under way may become a detached VM yet.
  const auto all_are_detached = [this] {
    auto list = List(*onlooker_);
    for (const auto machine : list.getMachines()) {
      if (!machine.getDetached()) return false;
    }
    return true;
  };
  EXPECT_TRUE(Await(all_are_detached)) << "a VM is left that nobody holds";
  RemoveDetached(*onlooker_);
  ExpectNothingLeft();
}

TEST_F(DyingClientsTest, AsAProcessThatIsKilled) {
  std::minstd_rand random(1);  // the same each time
  for (unsigned death = 0; death < kDeaths; ++death) {
    Command client = MayflyOfHost({"run", "--memory", "8M", "--kernel", GuestPath("echo")});
    client.Start();
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
    client.Signal(SIGKILL);
    EXPECT_EQ(client.Wait().signal, SIGKILL);
  }
  ExpectNothingLeft();
}

}  // namespace
}  // namespace mayfly::testing
