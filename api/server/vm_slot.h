#pragma once

#include <kj/async.h>
#include <kj/common.h>
#include <kj/refcount.h>

#include <string>

#include "absl/status/status.h"
#include "api/mayfly.capnp.h"
#include "api/server/hosted_machine.h"

namespace mayfly::api {

// What a client left for those who come after it (Vmm.listen).
struct Legacy {
  kj::Array<kj::byte> record;
  kj::Array<rpc::File::Client> files;
};

// The process's VM, where there is one yet, and who holds it; shared by the capabilities and
// main().
//
// Threading: the api thread's.
class VmSlot final : public kj::Refcounted {
 public:
  VmSlot();

  kj::Maybe<kj::Own<HostedMachine>> machine;
  Legacy legacy;
  // Once nobody holds the Machine any more, and it is not detached.
  kj::Promise<void> released = nullptr;

  // Whether a client could come back: somebody listens.
  bool reachable = false;

  // Whether `released` has come: the VM is being ended, whatever is asked of it.
  [[nodiscard]] bool is_released() const { return released_; }
  // The VM lives on without anybody who holds it, and without who started the process. Errors:
  // FailedPrecondition where it is not reachable, or released.
  [[nodiscard]] absl::Status Detach();
  // It does not any more: `released` at once where nobody holds it.
  void Attach();

 private:
  friend class VmHold;

  void LetGo();
  void Tell(rpc::EventKind kind, std::string text);

  bool detached_ = false;
  bool released_ = false;
  unsigned holds_ = 0;
  kj::Own<kj::PromiseFulfiller<void>> release_;
};

// What whoever holds the `Machine` has of the slot.
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
