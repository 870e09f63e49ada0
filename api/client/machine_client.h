#pragma once

#include <kj/async.h>

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/codec/machine_spec.h"
#include "api/mayfly.capnp.h"
#include "base/timeline.h"
#include "virtio/rate/rate_limiter.h"
#include "vmm/exit_status.h"
#include "vmm/machine_stats.h"

namespace mayfly::api {

// One VM, seen from its client. Dropping the last copy of its capability ends the VM.
//
// Threading: the thread of the connection.
class MachineClient final {
 public:
  // Makes the VM, attaches `output` to its console and `listener`, where there is one, to its
  // events, and starts it: all in one go, nothing is waited for. What goes wrong is told by
  // WhenEnded().
  [[nodiscard]] static MachineClient Launch(
      rpc::Vmm::Client vmm, MachineSpec spec, rpc::ByteStream::Client output,
      kj::Maybe<rpc::EventListener::Client> listener = nullptr);

  // A VM that somebody else launches, or has; begins to wait for its end.
  [[nodiscard]] static MachineClient Follow(rpc::Machine::Client machine,
                                            rpc::ByteStream::Client input);

  // How the VM ended; `output` has received all that the guest wrote before it. Errors:
  // InvalidArgument, OutOfRange and others of a bad spec or image; Unavailable when the VMM process
  // has died. Once.
  [[nodiscard]] kj::Promise<absl::StatusOr<vmm::ExitStatus>> WhenEnded() {
    return std::move(ended_);
  }
  // The capability itself, for what has no words here.
  [[nodiscard]] rpc::Machine::Client& capability() { return machine_; }
  // What the guest reads from its console.
  [[nodiscard]] rpc::ByteStream::Client& input() { return input_; }
  // Ends the VM.
  void Kill();
  // The guest rests until Resume(): no CPU of it runs, and nobody touches its memory. Errors:
  // FailedPrecondition before the start and after the end.
  [[nodiscard]] kj::Promise<absl::Status> Pause();
  [[nodiscard]] kj::Promise<absl::Status> Resume();
  // Presses the power button. Errors: as Pause().
  [[nodiscard]] kj::Promise<absl::Status> PressPowerButton();
  // Disks and network devices are meant by their positions in the spec. Errors of the three that
  // follow: NotFound for one that there is not, FailedPrecondition after the VM's end.
  // New limits for a disk from now on.
  [[nodiscard]] kj::Promise<absl::Status> UpdateDisk(uint32_t disk,
                                                     const virtio::RateLimits& limits);
  // New limits for a network device; a direction without any keeps its own.
  [[nodiscard]] kj::Promise<absl::Status> UpdateNet(
      uint32_t net, const std::optional<virtio::RateLimits>& transmit,
      const std::optional<virtio::RateLimits>& receive);
  // The disk's image has another size: tells the guest, and answers the size in bytes.
  [[nodiscard]] kj::Promise<absl::StatusOr<uint64_t>> ResizeDisk(uint32_t disk);
  // After the VM's end, too.
  [[nodiscard]] kj::Promise<absl::StatusOr<vmm::MachineStats>> FetchStats();
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
