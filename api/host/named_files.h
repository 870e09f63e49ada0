#pragma once

#include <kj/async.h>

#include <vector>

#include "absl/status/statusor.h"
#include "api/host/openers.h"
#include "api/host/peer.h"
#include "api/mayfly.capnp.h"
#include "base/owned_fd.h"

namespace mayfly::api {

// What a specification names and does not bring, for clients that cannot send it open: files, taps,
// and networks that are to be started.
class NamedFiles final {
 public:
  // Whether there is any of it.
  [[nodiscard]] static bool AreIn(rpc::MachineSpec::Reader spec);
  // Opens all with `peer`'s rights. `spec` must outlive the promise. Errors, as exceptions:
  // InvalidArgument for a path that is not absolute or cannot be opened, those of Openers; each
  // names the field.
  [[nodiscard]] static kj::Promise<NamedFiles> Open(Openers& openers, const Peer& peer,
                                                    rpc::MachineSpec::Reader spec);
  // Nothing.
  NamedFiles() = default;

  // Adds them to a copy of that specification. Once.
  void PutInto(rpc::MachineSpec::Builder spec);
  // What the programs say that make the networks, as long as they run: pipes. Once.
  [[nodiscard]] std::vector<OwnedFd> TakeWords() { return std::move(words_); }

 private:
  Openers::Files files_;  // in the order in which a specification has them
  std::vector<OwnedFd> words_;
};

}  // namespace mayfly::api
