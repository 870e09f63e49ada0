#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/owned_fd.h"
#include "jailer/cgroup/cgroup.h"
#include "jailer/jail.h"
#include "jailer/lack.h"
#include "jailer/spawn.h"
#include "vmm/exit_status.h"

namespace mayfly::api {

// A mayfly-vmm process of ours, not yet (or no longer) spoken to: connect VmmConnection to its
// socket.
//
// The process ends with the thread that started it, and when its socket is closed; dropping this
// object does neither. Movable between threads.
class [[nodiscard]] VmmProcess final {
 public:
  // The program: $MAYFLY_VMM where it is set, otherwise `mayfly-vmm` beside the running program.
  // Errors: NotFound and others, naming the path.
  [[nodiscard]] static absl::StatusOr<OwnedFd> FindProgram();
  // Starts `program` (an open mayfly-vmm) in `jail`, held to the limits of `cgroup` where there is
  // one (jailer/cgroup/cgroup_tree.h makes it). It holds its socket and a pipe for its last words,
  // and nothing else of ours.
  [[nodiscard]] static absl::StatusOr<VmmProcess> Spawn(
      int program, const jailer::Jail& jail, std::optional<jailer::Cgroup> cgroup = std::nullopt);
  // Both, in a jail of its own.
  [[nodiscard]] static absl::StatusOr<VmmProcess> Spawn(
      std::optional<jailer::Cgroup> cgroup = std::nullopt);

  // One that another process of ours had started, which is no more; `socket` is connected to it.
  [[nodiscard]] static VmmProcess Adopt(pid_t pid, OwnedFd pidfd, OwnedFd socket);

  // Our end of the socket pair, non-blocking. Once.
  [[nodiscard]] OwnedFd TakeSocket() { return std::move(socket_); }
  [[nodiscard]] const jailer::ChildProcess& process() const { return process_; }
  [[nodiscard]] bool is_adopted() const { return is_adopted_; }
  // What its jail lacks, each a sentence with its remedy. Usually nothing; nothing is known of one
  // that was adopted.
  [[nodiscard]] std::vector<std::string> JailLacks() const;
  // Those of them that another VM may not lack. The rest is the host's, and `mayfly doctor` says
  // it.
  [[nodiscard]] std::vector<std::string> PassingLacks() const;
  [[nodiscard]] const std::optional<jailer::Cgroup>& cgroup() const { return cgroup_; }
  // The same, for the process has ended.
  [[nodiscard]] std::optional<jailer::Cgroup> TakeCgroup() { return std::exchange(cgroup_, {}); }
  // For when its socket was closed unexpectedly: what became of its VM (kViolation, kOutOfMemory or
  // kInternalError), with the end of the process and its last words as the detail. Ends the process
  // first, should it still run. Once.
  [[nodiscard]] vmm::ExitStatus JudgeDeath() const;

 private:
  VmmProcess(jailer::ChildProcess process, std::optional<jailer::Cgroup> cgroup, OwnedFd socket,
             OwnedFd last_words)
      : process_(std::move(process)),
        cgroup_(std::move(cgroup)),
        socket_(std::move(socket)),
        last_words_(std::move(last_words)) {}

  // Whether the kernel ended it for want of memory.
  [[nodiscard]] bool RanOutOfMemory(const absl::StatusOr<jailer::ProcessEnd>& end) const;

  jailer::ChildProcess process_;
  bool is_adopted_ = false;  // no child of ours: the kernel does not tell us how it ends
  std::optional<jailer::Lack> user_lack_;
  std::optional<jailer::Cgroup> cgroup_;
  OwnedFd socket_;
  OwnedFd last_words_;  // what it writes to its standard error
};

}  // namespace mayfly::api
