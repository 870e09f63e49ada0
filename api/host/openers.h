#pragma once

#include <kj/async-io.h>
#include <kj/function.h>
#include <sys/types.h>

#include <deque>
#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "api/host/opener.capnp.h"
#include "api/host/peer.h"
#include "base/owned_fd.h"
#include "jailer/child_process.h"

namespace mayfly::api {

// Opens what clients name, with the rights of each, in a short-lived process for each time
// (opener.h). Whatever that one waits for, be it for ever, nobody waits but its client, and that
// one not for long.
//
// Threading: the thread of `io`.
class Openers final : private kj::TaskSet::ErrorHandler {
 public:
  struct Settings {
    OwnedFd program;  // that has main() ask IsOpener()
    kj::Duration patience = 10 * kj::SECONDS;
    unsigned most_each_user = 16;  // processes; who wants more waits for one to end
    size_t most_waiting_each_user = 256;
  };
  using Fill = kj::Function<void(rpc::Opener::OpenParams::Builder)>;
  // For each that is wanted its descriptors.
  using Files = std::vector<std::vector<OwnedFd>>;

  // The program that this process runs. Errors: errno's.
  [[nodiscard]] static absl::StatusOr<OwnedFd> OpenOurselves();

  // `io` must outlive it, and it the promises that it gives.
  Openers(kj::AsyncIoContext& io, Settings settings);
  KJ_DISALLOW_COPY(Openers);

  // `fill` says what, when the process starts, and is not called after the promise is gone. Errors,
  // as exceptions: PermissionDenied where this process cannot become `peer`'s user,
  // DeadlineExceeded, Unavailable where the process was ended, ResourceExhausted where as many of
  // that user's wait already, InvalidArgument and others for what
  // cannot be opened.
  [[nodiscard]] kj::Promise<Files> Open(const Peer& peer, Fill fill);

 private:
  class Turn;   // one of a user's processes: counted from its start until it has been reaped
  class Visit;  // an opener, and the connection to it

  struct User {
    unsigned processes = 0;
    std::deque<kj::Own<kj::PromiseFulfiller<kj::Own<Turn>>>> waiting = {};
  };

  [[nodiscard]] kj::Promise<kj::Own<Turn>> Enter(uid_t user);
  void Leave(uid_t user);
  [[nodiscard]] kj::Promise<Files> Ask(const Peer& peer, Fill fill, kj::Own<Turn> turn);
  void Reap(jailer::ChildProcess process, kj::Own<Turn> turn);
  void taskFailed(kj::Exception&& exception) override;

  kj::AsyncIoContext& io_;
  const Settings settings_;
  std::map<uid_t, User> users_;
  kj::TaskSet reaping_;  // the last member, so that it goes first
};

}  // namespace mayfly::api
