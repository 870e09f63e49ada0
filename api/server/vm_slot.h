#pragma once

#include <kj/async.h>
#include <kj/refcount.h>

#include "api/server/hosted_machine.h"

namespace mayfly::api {

// The process's VM, where there is one yet, and who holds it; shared by the capabilities and
// main().
//
// Threading: the api thread's.
class VmSlot final : public kj::Refcounted {
 public:
  VmSlot();

  kj::Maybe<kj::Own<HostedMachine>> machine;
  kj::Promise<void> released = nullptr;  // once the last holder of the Machine has let go of it

 private:
  friend class VmHold;

  unsigned holds_ = 0;
  kj::Own<kj::PromiseFulfiller<void>> release_;
};

// What whoever holds the `Machine` has of the slot: the VM ends with the last one.
class VmHold final {
 public:
  explicit VmHold(kj::Own<VmSlot> slot);
  VmHold(VmHold&&) = default;
  VmHold& operator=(VmHold&&) = delete;
  VmHold(const VmHold&) = delete;
  VmHold& operator=(const VmHold&) = delete;
  ~VmHold();

 private:
  kj::Own<VmSlot> slot_;  // nullptr when moved from
};

}  // namespace mayfly::api
