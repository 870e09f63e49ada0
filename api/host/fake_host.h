#pragma once

#include <capnp/message.h>
#include <kj/async-io.h>

#include <cstdint>
#include <string>

#include "api/host/client_door.h"
#include "api/host/fake_vmm.h"
#include "api/host/fleet.h"
#include "api/testing/listening_socket.h"
#include "base/owned_fd.h"

namespace mayfly::api::testing {

// A directory that goes with what is in it.
class ScratchDirectory final {
 public:
  // In `parent`. Fails the program where it cannot be made.
  explicit ScratchDirectory(const std::string& parent);
  KJ_DISALLOW_COPY(ScratchDirectory);
  ~ScratchDirectory();

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A host service in this process, with a door for clients, and one VM, detached, which only seems
// to be there. It launches nothing: who may is told that it is about to end.
class FakeHost final {
 public:
  static constexpr char kVm[] = "vm";

  // `io` must outlive it; it keeps its files in `parent`.
  FakeHost(kj::AsyncIoContext& io, const std::string& parent);
  KJ_DISALLOW_COPY(FakeHost);
  ~FakeHost() noexcept(false);

  // A new client's socket.
  [[nodiscard]] OwnedFd Connect() const { return listening_.Connect(); }
  [[nodiscard]] unsigned connections() const { return door_.connections().count().now; }
  [[nodiscard]] Fleet& fleet() { return fleet_; }
  // Whether the VM lives, and is called, as at first.
  [[nodiscard]] bool IsAsAtFirst();

 private:
  [[nodiscard]] static OwnedFd NonBlocking(OwnedFd socket);

  kj::AsyncIoContext& io_;
  const ScratchDirectory directory_;
  const ListeningSocket listening_;
  const OwnedFd accepting_;
  capnp::MallocMessageBuilder message_;
  const rpc::HostConfig::Reader config_ = message_.initRoot<rpc::HostConfig>().asReader();
  FakeBehaviour behaviour_;
  FakeVmm vmm_;
  Fleet fleet_;
  kj::Promise<void> drained_;
  ClientDoor door_;
};

}  // namespace mayfly::api::testing
