#include "api/server/vm_slot.h"

#include <sys/prctl.h>

#include <utility>

#include "base/status.h"

namespace mayfly::api {

VmSlot::VmSlot() {
  auto pair = kj::newPromiseAndFulfiller<void>();
  release_ = kj::mv(pair.fulfiller);
  released = kj::mv(pair.promise);
}

absl::Status VmSlot::Detach() {
  if (released_) return absl::FailedPreconditionError("the VM is being ended: nobody held it");
  if (!reachable) {
    return absl::FailedPreconditionError(
        "nobody could find the VM again: have it listen first (Vmm.listen)");
  }
  constexpr unsigned long kNoSignal = 0;
  if (::prctl(PR_SET_PDEATHSIG, kNoSignal) != 0) {
    return ErrnoStatus("detaching the VM from the process that started it");
  }
  if (!std::exchange(detached_, true)) {
    Tell(rpc::EventKind::DETACHED, "the VM was detached: it outlives its clients");
  }
  return absl::OkStatus();
}

void VmSlot::Attach() {
  if (!std::exchange(detached_, false)) return;
  Tell(rpc::EventKind::ATTACHED, "the VM was attached: it ends with its last client");
  LetGo();
}

void VmSlot::Tell(rpc::EventKind kind, std::string text) {
  KJ_IF_MAYBE (own, machine) (*own)->Tell(kind, std::move(text));
}

void VmSlot::LetGo() {
  if (holds_ != 0 || detached_) return;
  released_ = true;
  release_->fulfill();
}

VmHold::VmHold(kj::Own<VmSlot> slot) : slot_(kj::mv(slot)) { ++slot_->holds_; }

VmHold::~VmHold() {
  if (slot_.get() == nullptr) return;
  --slot_->holds_;
  slot_->LetGo();
}

}  // namespace mayfly::api
