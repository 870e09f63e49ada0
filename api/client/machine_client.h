#pragma once

#include <kj/async.h>

#include "absl/status/statusor.h"
#include "api/codec/machine_spec.h"
#include "api/mayfly.capnp.h"
#include "base/timeline.h"
#include "vmm/exit_status.h"

namespace mayfly::api {

// One VM, seen from its client. Dropping the last copy of its capability ends the VM.
//
// Threading: the thread of the connection.
class MachineClient final {
 public:
  // Makes the VM, attaches `output` to its console and starts it: all in one go, nothing is waited
  // for. What goes wrong is told by WhenEnded().
  [[nodiscard]] static MachineClient Launch(rpc::Vmm::Client vmm, MachineSpec spec,
                                            rpc::ByteStream::Client output);

  // How the VM ended; `output` has received all that the guest wrote before it. Errors:
  // InvalidArgument, OutOfRange and others of a bad spec or image; Unavailable when the VMM process
  // has died. Once.
  [[nodiscard]] kj::Promise<absl::StatusOr<vmm::ExitStatus>> WhenEnded() {
    return std::move(ended_);
  }
  // What the guest reads from its console.
  [[nodiscard]] rpc::ByteStream::Client& input() { return input_; }
  // Ends the VM.
  void Kill();
  // Adds the steps so far to `timeline`, which must live until then.
  [[nodiscard]] kj::Promise<absl::Status> FetchTimeline(Timeline& timeline);

 private:
  MachineClient(rpc::Machine::Client machine, rpc::ByteStream::Client input,
                kj::Promise<absl::StatusOr<vmm::ExitStatus>> ended)
      : machine_(kj::mv(machine)), input_(kj::mv(input)), ended_(kj::mv(ended)) {}

  rpc::Machine::Client machine_;
  rpc::ByteStream::Client input_;
  kj::Promise<absl::StatusOr<vmm::ExitStatus>> ended_;
};

}  // namespace mayfly::api
