#pragma once

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/host/fleet.h"
#include "api/host/vm_store.h"
#include "api/mayfly.capnp.h"
#include "base/owned_fd.h"

namespace mayfly::api::testing {

// For a fleet that launches nothing. Fails the program where there are no cgroups to look at.
[[nodiscard]] FleetResources NoResources();

// What a VMM does that a guest took over: what it is told to.
struct FakeBehaviour {
  enum class Answer { kGood, kError, kNone };

  Answer attach = Answer::kGood;
  Answer detach = Answer::kGood;
  Answer kill = Answer::kGood;
  unsigned state = static_cast<unsigned>(rpc::MachineState::RUNNING);
  std::optional<std::string> exit_detail;  // it ends at once, with this
  std::vector<rpc::EventKind> events;      // told to each listener
  unsigned detached = 0;                   // how often it was asked to
};

// A process that does nothing, and a VMM that seems to be in it, detached by an earlier host: the
// next one that looks into `store` finds it.
class FakeVmm final {
 public:
  // `io` and `behaviour` must outlive it.
  FakeVmm(kj::AsyncIoContext& io, const VmStore& store, VmFacts facts, FakeBehaviour& behaviour);
  KJ_DISALLOW_COPY(FakeVmm);
  ~FakeVmm() noexcept(false);

  // Whether the process runs.
  [[nodiscard]] bool Lives() const;

 private:
  const pid_t pid_;
  const OwnedFd pidfd_;
  capnp::TwoPartyServer server_;
  kj::Own<kj::ConnectionReceiver> receiver_;
  kj::Promise<void> listening_ = nullptr;
};

}  // namespace mayfly::api::testing
