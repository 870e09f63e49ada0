#pragma once

#include <kj/async-unix.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "vmm/console.h"

namespace mayfly::api {

// Lets one writer at a time put bytes into the guest's console, as fast as the guest takes them.
//
// Threading: the api thread's.
class InputGate final {
 public:
  // Who writes; a later one shuts the gate for the earlier.
  using Writer = uint64_t;

  // Both must outlive the gate.
  InputGate(vmm::Console& console, kj::UnixEventPort& port) : console_(console), port_(port) {}
  KJ_DISALLOW_COPY(InputGate);

  [[nodiscard]] Writer Admit();
  // Fulfilled when all of `bytes`, which must live until then, have been taken. Broken with
  // FailedPrecondition when `writer` is not the last admitted, or stops to be. One call at a time.
  [[nodiscard]] kj::Promise<void> Write(Writer writer, std::span<const std::byte> bytes);

 private:
  vmm::Console& console_;
  kj::UnixEventPort& port_;
  // Made when the guest first falls behind: most never do.
  std::optional<kj::UnixEventPort::FdObserver> room_;
  Writer admitted_ = 0;
  kj::Canceler waiting_;
};

}  // namespace mayfly::api
