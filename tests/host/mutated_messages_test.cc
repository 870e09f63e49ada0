// A client whose messages are not what they should be, in any of their bits.

#include <kj/async-io.h>

#include <random>
#include <string>
#include <vector>

#include "base/unix_address.h"
#include "tests/host/host_test.h"
#include "tests/host/recording.h"

namespace mayfly::testing {
namespace {

constexpr unsigned kRounds = 300;
constexpr unsigned kMostChanges = 6;

class MutatedMessagesTest : public HostTest {};

TEST_F(MutatedMessagesTest, CostNobodyElseAnything) {
  StartDaemon();
  auto client = Connect();
  ExpectServed(*client);
  AwaitTaken(*client, 0);
  const Traces before = TracesNow();
  Recording recording(io_);
  kj::Maybe<rpc::Machine::Client> machine;
  std::vector<kj::Promise<void>> answers;
  recording.Record([&](api::HostConnection& host) {
    auto request = SmallLaunchRequest(host, "halt");
    request.getSpec().setCommandLine("some words");
    auto labels = request.getSpec().initLabels(2);
    labels[0].setName("one");
    labels[1].setName("two");
    request.getSpec().initDisks(2);
    request.getSpec().initNets(2);
    auto launch = request.send();
    machine = launch.getMachine();
    answers.push_back(launch.ignoreResult());
  });
  recording.Record([&](api::HostConnection& host) {
    answers.push_back(host.host().listRequest().send().ignoreResult());
    KJ_IF_MAYBE (vm, machine) answers.push_back(vm->statsRequest().send().ignoreResult());
  });
  std::minstd_rand random(1);  // the same each time
  const auto spoil = [&random](std::string& part) {
    for (auto changes = random() % kMostChanges; changes > 0; --changes) {
      part.at(random() % part.size()) ^= static_cast<char>(1U << random() % 8);
    }
  };
  for (unsigned round = 0; round < kRounds; ++round) {
    const auto socket = UnixAddress::At(this->socket())->Connect();
    ASSERT_TRUE(socket.ok()) << socket.status();
    (void)recording.Play(socket->get(), recording.size(), spoil);
    // It is read before it is closed.
    (void)List(*client);
    if (round % 50 == 0) ExpectServed(*client);
  }
  ExpectServed(*client);
  AwaitTaken(*client, 0);
  AwaitTraces(before);
  client = nullptr;
  StopDaemon();
}

}  // namespace
}  // namespace mayfly::testing
