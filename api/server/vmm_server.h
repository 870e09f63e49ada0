#pragma once

#include <kj/async-unix.h>

#include <memory>

#include "absl/status/status.h"
#include "api/codec/machine_spec.h"
#include "api/mayfly.capnp.h"
#include "api/server/connections.h"
#include "api/server/vm_slot.h"
#include "base/timeline.h"

namespace mayfly::api {

// What a mayfly-vmm process offers first: the `Vmm` capability.
class VmmServer final : public rpc::Vmm::Server {
 public:
  // What a client may leave for those after it.
  static constexpr size_t kMostRecordBytes = size_t{64} << 10;

  // `port` and `connections` must outlive the server. `thread_setup` may be empty.
  VmmServer(kj::Own<VmSlot> slot, std::shared_ptr<Timeline> timeline, kj::UnixEventPort& port,
            Connections& connections, vmm::ThreadSetup thread_setup)
      : slot_(kj::mv(slot)),
        timeline_(std::move(timeline)),
        port_(port),
        connections_(connections),
        thread_setup_(std::move(thread_setup)) {}

 protected:
  kj::Promise<void> create(CreateContext context) override;
  kj::Promise<void> machine(MachineContext context) override;
  kj::Promise<void> listen(ListenContext context) override;

 private:
  [[nodiscard]] absl::Status Create(MachineSpec spec, CreateContext& context);

  kj::Own<VmSlot> slot_;
  std::shared_ptr<Timeline> timeline_;
  kj::UnixEventPort& port_;
  Connections& connections_;
  const vmm::ThreadSetup thread_setup_;
};

}  // namespace mayfly::api
