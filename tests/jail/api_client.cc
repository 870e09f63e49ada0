// A client that changes a VM while it runs, for rules_used_test: calls that `mayfly run` never
// makes. Ends with status 0 when all went as it should.
//
//   api_client DISK...  the guest `echo` with these disks
//
// In the end it leaves the VM alone, says no more, as a client does that has read what it wants to,
// and comes back; when it goes for good the VM ends.

#include <fcntl.h>
#include <kj/async-io.h>
#include <kj/debug.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdlib>
#include <span>
#include <string>

#include "api/client/machine_client.h"
#include "api/client/vmm_connection.h"
#include "api/client/vmm_process.h"
#include "api/codec/fd_file.h"
#include "api/testing/guest_spec.h"
#include "api/testing/listening_socket.h"
#include "api/testing/screen.h"

namespace mayfly::api {
namespace {

// So that the api thread and the io thread get into each other's way.
constexpr int kRounds = 8;

MachineSpec Spec(std::span<char* const> disks) {
  MachineSpec spec = testing::GuestSpec("echo");
  for (const char* const path : disks) {
    vmm::DiskConfig& disk = spec.machine.disks.emplace_back();
    disk.image = {OwnedFd(::open(path, O_RDWR | O_CLOEXEC)), path};
  }
  spec.machine.nets.emplace_back();
  return spec;
}

void Change(MachineClient& machine, kj::WaitScope& scope, uint32_t disks) {
  for (int round = 0; round < kRounds; ++round) {
    for (uint32_t disk = 0; disk < disks; ++disk) {
      // KJ's macros end in a loop without a body. NOLINTNEXTLINE(bugprone-suspicious-semicolon)
      KJ_REQUIRE(machine.UpdateDisk(disk, virtio::RateLimits()).wait(scope).ok());
      KJ_REQUIRE(machine.ResizeDisk(disk).wait(scope).ok());
    }
    KJ_REQUIRE(machine.UpdateNet(0, virtio::RateLimits(), std::nullopt).wait(scope).ok());
    KJ_REQUIRE(machine.FetchStats().wait(scope).ok());
    KJ_REQUIRE(machine.Pause().wait(scope).ok());
    KJ_REQUIRE(machine.Resume().wait(scope).ok());
  }
}

// Detaches the VM, with a file for who comes back.
void LeaveAlone(VmmConnection& connection, MachineClient& machine, kj::WaitScope& scope,
                const testing::ListeningSocket& listening) {
  auto listen = connection.vmm().listenRequest();
  listen.setSocket(kj::heap<FdFile>(listening.Duplicate()));
  listen.initFiles(1).set(0, kj::heap<FdFile>(OwnedFd(::open("/dev/null", O_RDONLY | O_CLOEXEC))));
  listen.send().ignoreResult().wait(scope);
  machine.capability().detachRequest().send().ignoreResult().wait(scope);
}

// Comes back, twice, and goes: the VM ends with that.
void ComeBack(kj::AsyncIoContext& io, const testing::ListeningSocket& listening) {
  VmmConnection connection(io, listening.Connect());
  auto found = connection.vmm().machineRequest().send().wait(io.waitScope);
  // NOLINTNEXTLINE(bugprone-suspicious-semicolon)
  KJ_REQUIRE(found.getFiles()[0].getFd().wait(io.waitScope) != nullptr);
  { VmmConnection(io, listening.Connect()).vmm().machineRequest().send().wait(io.waitScope); }
  found.getMachine().attachRequest().send().ignoreResult().wait(io.waitScope);
}

// Returns when the VMM's process has ended.
void AwaitEnd(const VmmProcess& process) {
  pollfd ended = {.fd = process.process().pidfd(), .events = POLLIN, .revents = 0};
  constexpr int kForever = -1;
  KJ_REQUIRE(::poll(&ended, 1, kForever) == 1);
}

void Run(std::span<char* const> disks) {
  kj::AsyncIoContext io = kj::setupAsyncIo();
  VmmProcess process = VmmProcess::Spawn().value();
  OwnedFd socket = process.TakeSocket();
  const OwnedFd ours = OwnedFd::Duplicate(socket.get()).value();
  VmmConnection connection(io, std::move(socket));
  std::string screen;
  MachineClient machine =
      MachineClient::Launch(connection.vmm(), Spec(disks), kj::heap<testing::Screen>(screen));
  while (screen.find("ready") == std::string::npos) {
    io.provider->getTimer().afterDelay(1 * kj::MILLISECONDS).wait(io.waitScope);
  }
  Change(machine, io.waitScope, static_cast<uint32_t>(disks.size()));
  const testing::ListeningSocket listening;
  LeaveAlone(connection, machine, io.waitScope, listening);
  KJ_REQUIRE(::shutdown(ours.get(), SHUT_WR) == 0);
  ComeBack(io, listening);
  AwaitEnd(process);
}

}  // namespace
}  // namespace mayfly::api

int main(int argc, char** argv) {
  mayfly::api::Run(std::span(argv, static_cast<size_t>(argc)).subspan(1));
  return EXIT_SUCCESS;
}
