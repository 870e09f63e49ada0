#include "api/host/client_door.h"

#include <capnp/message.h>
#include <fcntl.h>
#include <kj/async-io.h>
#include <sys/socket.h>

#include <vector>

#include "api/host/fake_vmm.h"
#include "api/host/fleet.h"
#include "api/host/host_budget.h"
#include "api/testing/listening_socket.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

constexpr unsigned kMany = 40;

class ClientDoorTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~ClientDoorTest() noexcept override = default;

  void Pause() { io_.provider->getTimer().afterDelay(kj::MILLISECONDS).wait(io_.waitScope); }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  capnp::MallocMessageBuilder message_;
  rpc::HostConfig::Reader config_ = message_.initRoot<rpc::HostConfig>().asReader();
  Fleet fleet_{io_, testing::NoResources(), config_, HostBudget{}, ::testing::TempDir()};
};

TEST_F(ClientDoorTest, ThoseWhoComeAllAtOnceAreAllLetIn) {
  const testing::ListeningSocket listening;
  ASSERT_TRUE(listening.valid());
  const OwnedFd ours = listening.Duplicate();
  ASSERT_EQ(::fcntl(ours.get(), F_SETFL, O_NONBLOCK), 0);
  std::vector<OwnedFd> clients;
  for (unsigned count = 0; count < kMany; ++count) clients.push_back(listening.Connect());
  ClientDoor door(io_, ours.get(), fleet_, config_, kMany);
  while (door.connections().count().now != kMany) Pause();
  clients.clear();
  while (door.connections().count().now != 0) Pause();
}

// What accept(2) answers to one that does not listen, it answers for ever.
TEST_F(ClientDoorTest, AnErrorThatLastsHoldsUpNobodyElse) {
  const OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  ASSERT_TRUE(socket.valid());
  const ClientDoor door(io_, socket.get(), fleet_, config_, kMany);
  Pause();
  EXPECT_EQ(door.connections().count().now, 0U);
}

}  // namespace
}  // namespace mayfly::api
