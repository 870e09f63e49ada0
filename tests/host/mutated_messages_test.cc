// A client whose messages are not what they should be, in any of their bits.

#include <fcntl.h>
#include <kj/async-io.h>

#include <random>
#include <string>
#include <vector>

#include "api/codec/fd_file.h"
#include "api/testing/screen.h"
#include "api/testing/wrong_files.h"
#include "base/unix_address.h"
#include "tests/host/host_test.h"
#include "tests/host/recording.h"

namespace mayfly::testing {
namespace {

using api::testing::OpenSmallDisk;
using api::testing::Screen;

constexpr unsigned kRounds = 400;
constexpr unsigned kMostChanges = 6;
constexpr char kName[] = "vm";

class Listener final : public rpc::EventListener::Server {
 protected:
  kj::Promise<void> event(EventContext /*context*/) override { return kj::READY_NOW; }
};

class MutatedMessagesTest : public HostTest {
 protected:
  // One that succeeds as it is: the VM has disks, cards and labels.
  void Launch(api::HostConnection& host) {
    auto request = SmallLaunchRequest(host, "halt");
    request.setName(kName);
    request.setOutput(kj::heap<Screen>(screen_));
    auto spec = request.getSpec();
    spec.setCommandLine("some words");
    auto labels = spec.initLabels(2);
    labels[0].setName("one");
    labels[1].setName("two");
    auto disks = spec.initDisks(2);
    disks[0].initImage().setFile(kj::heap<api::FdFile>(OpenSmallDisk(O_RDONLY)));
    disks[0].setReadOnly(true);
    disks[1].initImage().setFile(kj::heap<api::FdFile>(OpenSmallDisk(O_RDONLY)));
    disks[1].initOverlay().getUpper().setMemory();
    spec.initNets(2);
    auto launch = request.send();
    machines_.push_back(launch.getMachine());
    answers_.push_back(launch.ignoreResult());
  }
  void AskTheVm() {
    rpc::Machine::Client machine = machines_.front();
    Keep(machine.statsRequest().send());
    Keep(machine.timelineRequest().send());
    auto console = machine.consoleRequest();
    console.setOutput(kj::heap<Screen>(screen_));
    auto attached = console.send();
    auto write = attached.getInput().writeRequest();
    write.setBytes(kj::StringPtr("words\n").asBytes());
    answers_.push_back(write.send());
    Keep(kj::mv(attached));
    auto listen = machine.eventsRequest();
    listen.setListener(kj::heap<Listener>());
    Keep(listen.send());
    auto narrow = machine.narrowRequest();
    narrow.initPermissions(1).set(0, rpc::Permission::STATS);
    Keep(narrow.send());
    Keep(machine.updateDiskRequest().send());
    Keep(machine.waitRequest().send());
  }
  void AskTheHost(api::HostConnection& client) {
    Keep(client.host().listRequest().send());
    auto inspect = client.host().inspectRequest();
    inspect.setName(kName);
    Keep(inspect.send());
    auto listen = client.host().eventsRequest();
    listen.setListener(kj::heap<Listener>());
    Keep(listen.send());
    auto get = client.host().getRequest();
    get.setName(kName);
    auto detach = get.send().getMachine().detachRequest();
    detach.setName("kept");
    Keep(detach.send());
  }
  template <typename Promise>
  void Keep(Promise promise) {
    answers_.push_back(promise.ignoreResult());
  }

  std::string screen_;
  std::vector<rpc::Machine::Client> machines_;
  std::vector<kj::Promise<void>> answers_;
};

TEST_F(MutatedMessagesTest, CostNobodyElseAnything) {
  StartDaemon();
  auto client = Connect();
  ExpectServed(*client);
  AwaitTaken(*client, 0);
  const Traces before = TracesNow();
  Recording recording(io_);
  recording.Record([this](api::HostConnection& host) { Launch(host); });
  recording.Record([this](api::HostConnection&) { AskTheVm(); });
  recording.Record([this](api::HostConnection& host) { AskTheHost(host); });
  // The same each time: a call of Host.drain, which would be the end of it, is not among them.
  std::minstd_rand random(1);
  unsigned launched = 0;
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
    launched += List(*client).getMachines().size();
    if (round % 50 != 0) continue;
    ExpectServed(*client);
    RemoveDetached(*client);
  }
  // Some of it was understood.
  EXPECT_GT(launched, kRounds / 20);
  const auto is_none_left = [&] {
    RemoveDetached(*client);
    return List(*client).getMachines().size() == 0;
  };
  EXPECT_TRUE(Await(is_none_left)) << "a VM is left";
  ExpectServed(*client);
  AwaitTaken(*client, 0);
  AwaitTraces(before);
  client = nullptr;
  StopDaemon();
}

}  // namespace
}  // namespace mayfly::testing
