// A VM that outlives who started it, in a mayfly-vmm process of its own.

#include <fcntl.h>
#include <kj/async-io.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include "api/client/machine_client.h"
#include "api/client/vmm_connection.h"
#include "api/client/vmm_process.h"
#include "api/codec/fd_file.h"
#include "api/codec/rpc_status.h"
#include "api/testing/guest_spec.h"
#include "api/testing/listening_socket.h"
#include "api/testing/screen.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using testing::GuestSpec;
using testing::ListeningSocket;
using testing::Screen;

constexpr kj::StringPtr kRecord = "what a host has to know of its VM"_kj;

ino_t Inode(int fd) {
  struct stat info {};
  EXPECT_EQ(::fstat(fd, &info), 0);
  return info.st_ino;
}

// Who starts a VM: a thread, with whose end the kernel ends the process unless it is detached.
class Starter final {
 public:
  Starter(const ListeningSocket& socket, std::string guest, int file) {
    std::thread thread([&] { Run(socket, std::move(guest), file); });
    thread.join();
  }
  // Of the VMM.
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }

 private:
  void Run(const ListeningSocket& socket, std::string guest, int file) {
    kj::AsyncIoContext io = kj::setupAsyncIo();
    VmmProcess process = VmmProcess::Spawn().value();
    pidfd_ = OwnedFd::Duplicate(process.process().pidfd()).value();
    VmmConnection connection(io, process.TakeSocket());
    std::string screen;
    MachineClient machine =
        MachineClient::Launch(connection.vmm(), GuestSpec(guest), kj::heap<Screen>(screen));
    auto listen = connection.vmm().listenRequest();
    listen.setSocket(kj::heap<FdFile>(socket.Duplicate()));
    listen.setRecord(kRecord.asBytes());
    listen.initFiles(1).set(0, kj::heap<FdFile>(OwnedFd::Duplicate(file).value()));
    listen.send().ignoreResult().wait(io.waitScope);
    machine.capability().detachRequest().send().ignoreResult().wait(io.waitScope);
  }

  OwnedFd pidfd_;
};

class DetachedVmTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~DetachedVmTest() noexcept override = default;

  void SetUp() override {
    if (const std::string why = testing::WhyNoGuests(); !why.empty()) GTEST_SKIP() << why;
    const std::string program = std::filesystem::current_path() / "mayfly-vmm";
    ASSERT_EQ(::setenv("MAYFLY_VMM", program.c_str(), 1), 0);
    ASSERT_TRUE(socket_.valid());
  }
  // Until the process of the VMM has ended. What we have let go of is told meanwhile.
  void AwaitEnd(const Starter& starter) {
    pollfd ended = {.fd = starter.pidfd(), .events = POLLIN, .revents = 0};
    while (::poll(&ended, 1, 0) == 0) {
      io_.provider->getTimer().afterDelay(1 * kj::MILLISECONDS).wait(io_.waitScope);
    }
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  ListeningSocket socket_;
  OwnedFd file_{::memfd_create("note", MFD_CLOEXEC)};
};

TEST_F(DetachedVmTest, IsFoundAgainAndGivenBack) {
  const Starter starter(socket_, "echo", file_.get());
  VmmConnection connection(io_, socket_.Connect());
  auto found = connection.vmm().machineRequest().send().wait(io_.waitScope);
  EXPECT_EQ(found.getRecord(), kRecord.asBytes());
  ASSERT_EQ(found.getFiles().size(), 1U);
  const int fd = found.getFiles()[0].getFd().wait(io_.waitScope).orDefault(-1);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(Inode(fd), Inode(file_.get()));
  rpc::Machine::Client machine = found.getMachine();
  const auto stats = machine.statsRequest().send().wait(io_.waitScope);
  EXPECT_EQ(stats.getStats().getState(), rpc::MachineState::RUNNING);
  machine.attachRequest().send().ignoreResult().wait(io_.waitScope);
  {
    const auto dropped = kj::mv(machine);
    const auto answer = kj::mv(found);
  }
  AwaitEnd(starter);
}

TEST_F(DetachedVmTest, TellsOfItsEndLater) {
  const Starter starter(socket_, "exit_status", file_.get());
  for (int client = 0; client < 2; ++client) {
    VmmConnection connection(io_, socket_.Connect());
    auto machine = connection.vmm().machineRequest().send().getMachine();
    const auto status = machine.waitRequest().send().wait(io_.waitScope);
    EXPECT_EQ(status.getStatus().getReason(), rpc::ExitReason::STATUS);
    EXPECT_EQ(status.getStatus().getStatus(), 42);
  }
  {
    VmmConnection connection(io_, socket_.Connect());
    auto machine = connection.vmm().machineRequest().send().getMachine();
    machine.attachRequest().send().ignoreResult().wait(io_.waitScope);
  }
  AwaitEnd(starter);
}

TEST_F(DetachedVmTest, AClientThatWaitsAndGoesHoldsItNoLonger) {
  const Starter starter(socket_, "echo", file_.get());
  {
    VmmConnection connection(io_, socket_.Connect());
    auto machine = connection.vmm().machineRequest().send().getMachine();
    const auto wait = machine.waitRequest().send();
    machine.attachRequest().send().ignoreResult().wait(io_.waitScope);
  }
  AwaitEnd(starter);
}

}  // namespace
}  // namespace mayfly::api
