// A client that changes a VM while it runs, for rules_used_test: calls that `mayfly run` never
// makes. Ends with status 0 when all went as it should.
//
//   api_client DISK...  the guest `echo` with these disks
//
// In the end it says no more, as a client does that has read what it wants to; the VM ends with
// that.

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
#include "api/testing/guest_spec.h"
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
      KJ_REQUIRE(machine.UpdateDisk(disk, virtio::RateLimits()).wait(scope).ok());
      KJ_REQUIRE(machine.ResizeDisk(disk).wait(scope).ok());
    }
    KJ_REQUIRE(machine.UpdateNet(0, virtio::RateLimits(), std::nullopt).wait(scope).ok());
    KJ_REQUIRE(machine.FetchStats().wait(scope).ok());
  }
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
  KJ_REQUIRE(::shutdown(ours.get(), SHUT_WR) == 0);
  AwaitEnd(process);
}

}  // namespace
}  // namespace mayfly::api

int main(int argc, char** argv) {
  mayfly::api::Run(std::span(argv, static_cast<size_t>(argc)).subspan(1));
  return EXIT_SUCCESS;
}
