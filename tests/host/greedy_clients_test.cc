// Clients that want more than there is for them.

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "base/unix_address.h"
#include "tests/host/host_test.h"

namespace mayfly::testing {
namespace {

using ::testing::HasSubstr;

constexpr unsigned kConnections = 1000;

// Beginnings of messages, in Cap'n Proto's framing: the number of segments less one, and the size
// of each in words, of 32 bits each.
using Words = std::vector<uint32_t>;

class GreedyClientsTest : public HostTest {
 protected:
  [[nodiscard]] OwnedFd ConnectRaw() const {
    auto connected = UnixAddress::At(socket())->Connect();
    EXPECT_TRUE(connected.ok()) << connected.status();
    return connected.ok() ? *std::move(connected) : OwnedFd();
  }
  static void Send(const OwnedFd& connection, const Words& words) {
    const size_t bytes = words.size() * sizeof(uint32_t);
    EXPECT_EQ(::write(connection.get(), words.data(), bytes), static_cast<ssize_t>(bytes));
  }
  // Until the service has closed the connection.
  static void AwaitClosed(const OwnedFd& connection) {
    constexpr int kPatienceMilliseconds = 60'000;
    std::array<char, 4096> buffer{};
    while (true) {
      pollfd poll{.fd = connection.get(), .events = POLLIN, .revents = 0};
      ASSERT_EQ(::poll(&poll, 1, kPatienceMilliseconds), 1) << "it is not closed";
      // What it may have said before.
      if (::read(connection.get(), buffer.data(), buffer.size()) <= 0) return;
    }
  }
  void AwaitConnections(api::HostConnection& client, unsigned count) {
    const auto now = [&] {
      auto answer = client.host().capacityRequest().send().wait(io_.waitScope);
      return answer.getCapacity().getConnections();
    };
    ASSERT_TRUE(Await([&] { return now() == count; })) << now() << " connections, not " << count;
  }
};

TEST_F(GreedyClientsTest, AThousandConnectionsLeaveRoomForOthers) {
  StartDaemon();
  auto client = Connect();
  ExpectServed(*client);
  AwaitTaken(*client, 0);
  const Traces before = TracesNow();
  const Words half_a_table = {0};
  const Words half_a_message = {0, 100, 0, 0};
  const Words announced_and_never_sent = {0, 1U << 20};
  std::list<OwnedFd> connections;
  for (unsigned number = 0; number < kConnections; ++number) {
    const OwnedFd& connection = connections.emplace_back(ConnectRaw());
    // A quarter is idle.
    if (number % 4 == 1) Send(connection, half_a_table);
    if (number % 4 == 2) Send(connection, half_a_message);
    if (number % 4 == 3) Send(connection, announced_and_never_sent);
    if (number % 100 == 0) ExpectServed(*client);
  }
  AwaitConnections(*client, kConnections + 1);
  ExpectServed(*client);
  ExpectServed(*Connect());
  connections.clear();
  AwaitConnections(*client, 1);
  AwaitTaken(*client, 0);
  AwaitTraces(before);
  client = nullptr;
  StopDaemon();
}

TEST_F(GreedyClientsTest, WhatIsNoMessageEndsItsConnectionAlone) {
  StartDaemon();
  auto client = Connect();
  ExpectServed(*client);
  AwaitTaken(*client, 0);
  const Traces before = TracesNow();
  const std::vector<Words> garbage = {
      {0xffff'ffff, 0xffff'ffff},        // as many segments as can be said
      {511, 1},                          // more than there may be
      {0, 0xffff'ffff},                  // a segment larger than a message may be
      {0, (1U << 20) + 1},               // by a word
      {1, 1U << 20, 1U << 20, 0},        // both together
      {0, 1, 0xffff'fffe, 0xffff'ffff},  // a root that points outside
      {0x5445'4720, 0x4854'202f, 0x312f'5054, 0x0d0a'312e},  // another protocol's
  };
  for (const Words& words : garbage) {
    const OwnedFd connection = ConnectRaw();
    Send(connection, words);
    AwaitClosed(connection);
    ExpectServed(*client);
  }
  AwaitTaken(*client, 0);
  AwaitTraces(before);
  client = nullptr;
  StopDaemon();
}

TEST_F(GreedyClientsTest, LaunchesInALoopStopAtTheLimitAndGoOnBelowIt) {
  constexpr unsigned kMost = 4;
  constexpr unsigned kLaunches = 40;
  StartDaemon(
      {"--config", MakeFile("config.json", R"({"eachConnection": {"machines": 4, "cpus": 8}})")});
  auto client = Connect();
  auto other = Connect();
  ExpectServed(*client);
  AwaitTaken(*client, 0);
  const Traces before = TracesNow();
  for (unsigned round = 0; round < 3; ++round) {
    std::vector<capnp::RemotePromise<rpc::Host::LaunchResults>> launches;
    for (unsigned launch = 0; launch < kLaunches; ++launch) {
      launches.push_back(SmallLaunchRequest(*client, "halt").send());
    }
    std::vector<rpc::Machine::Client> machines;
    unsigned refused = 0;
    for (auto& launch : launches) {
      rpc::Machine::Client machine = launch.getMachine();
      const absl::Status status = ErrorOf(kj::mv(launch));
      if (status.ok()) {
        machines.push_back(kj::mv(machine));
        continue;
      }
      ++refused;
      EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
      EXPECT_THAT(status.ToString(), HasSubstr("machines: this connection has 4 of at most 4"));
    }
    EXPECT_EQ(machines.size(), kMost);
    EXPECT_EQ(refused, kLaunches - kMost);
    ExpectServed(*other);
    // What one gives back, another can have; and what a limit refused has taken nothing.
    machines.pop_back();
    AwaitTaken(*client, kMost - 1);
    auto wide = SmallLaunchRequest(*client, "halt");
    wide.getSpec().setCpus(6);
    const absl::Status too_wide = ErrorOf(wide.send());
    EXPECT_THAT(too_wide.ToString(), HasSubstr("cpus: this connection has 3 of at most 8"));
    ExpectServed(*client);
    machines.clear();
    AwaitTaken(*client, 0);
    AwaitTraces(before);
  }
  client = nullptr;
  other = nullptr;
  StopDaemon();
}

}  // namespace
}  // namespace mayfly::testing
