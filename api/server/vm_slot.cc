#include "api/server/vm_slot.h"

namespace mayfly::api {

VmSlot::VmSlot() {
  auto pair = kj::newPromiseAndFulfiller<void>();
  release_ = kj::mv(pair.fulfiller);
  released = kj::mv(pair.promise);
}

VmHold::VmHold(kj::Own<VmSlot> slot) : slot_(kj::mv(slot)) { ++slot_->holds_; }

VmHold::~VmHold() {
  if (slot_.get() != nullptr && --slot_->holds_ == 0) slot_->release_->fulfill();
}

}  // namespace mayfly::api
