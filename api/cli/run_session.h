#pragma once

#include <kj/async-io.h>
#include <kj/function.h>

#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "api/cli/exit_code.h"
#include "api/cli/input_source.h"
#include "api/cli/output_sink.h"
#include "api/cli/raw_terminal.h"
#include "api/client/machine_client.h"
#include "api/client/passt_process.h"
#include "base/timeline.h"

namespace mayfly::cli {

// How `mayfly run` came out.
struct RunOutcome {
  int exit_code = 0;
  std::string complaint;  // for the user; empty where there is nothing to say
  bool began = true;      // false where the VM is known never to have been there
};

// The VM of a session.
struct SessionVm {
  enum class AtOurEnd { kEndVm, kLeaveVm };

  // Launches it, or finds it; `output` is its console from now on.
  kj::Function<api::MachineClient(rpc::ByteStream::Client output)> begin;
  // How it ended, where the connection to it was lost.
  kj::Function<absl::StatusOr<vmm::ExitStatus>(const absl::Status& loss)> judge_loss;
  AtOurEnd at_our_end = AtOurEnd::kEndVm;
};

// One VM between the user's standard streams and signals: carries bytes both ways until the VM
// ends, or has to end because a signal came, the user typed the escape, or standard output cannot
// be written.
//
// Threading: the event loop's.
class RunSession final : private kj::TaskSet::ErrorHandler {
 public:
  // All must outlive the session. `passts`: the VM's networks; it ends where one of them fails.
  RunSession(kj::AsyncIoContext& io, SessionVm vm, std::span<const api::PasstProcess> passts);
  KJ_DISALLOW_COPY(RunSession);

  // Sees the VM through. Once.
  [[nodiscard]] RunOutcome Run();
  // For after Run(), where the VM ended by itself: adds its steps.
  void AddTimeline(Timeline& timeline);

 private:
  void WatchLaunch();
  void WatchSignals();
  [[nodiscard]] kj::Promise<void> WatchSignal(int number);
  void WatchPasst(const api::PasstProcess& passt);
  void WatchOutput();
  void CarryInput();
  // Ends the VM, or leaves it, for a reason of ours. The second call waits for nothing any more.
  void EndVm(ExitCode code, std::string complaint);
  [[nodiscard]] kj::Promise<absl::StatusOr<vmm::ExitStatus>> AwaitEnd();
  [[nodiscard]] ExitCode CodeOfQuitting() const;
  [[nodiscard]] RunOutcome Judge(const absl::StatusOr<vmm::ExitStatus>& status);
  void taskFailed(kj::Exception&& exception) override;

  kj::AsyncIoContext& io_;
  SessionVm vm_;
  const std::span<const api::PasstProcess> passts_;
  OutputSink sink_;
  RawTerminal terminal_;
  InputSource source_;
  bool carrying_ = false;
  bool launched_ = false;
  bool lost_ = false;                              // the connection
  std::optional<RunOutcome> forced_;               // by EndVm()
  kj::PromiseFulfillerPair<void> output_written_;  // or will never be
  kj::PromiseFulfillerPair<void> given_up_;        // the VM does not end as asked
  std::optional<api::MachineClient> machine_;
  kj::TaskSet tasks_;  // the last member: what it runs uses the others
};

}  // namespace mayfly::cli
