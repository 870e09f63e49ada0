#pragma once

#include <kj/async-io.h>

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
#include "api/client/vmm_connection.h"
#include "api/client/vmm_process.h"
#include "base/timeline.h"

namespace mayfly::cli {

// How `mayfly run` came out.
struct RunOutcome {
  int exit_code = 0;
  std::string complaint;  // for the user; empty where there is nothing to say
};

// One VM between the user's standard streams and signals: carries bytes both ways until the VM
// ends, or has to end because a signal came, the user typed the escape, or standard output cannot
// be written.
//
// Threading: the event loop's.
class RunSession final : private kj::TaskSet::ErrorHandler {
 public:
  // All must outlive the session. `passts`: the VM's networks; it ends where one of them fails.
  RunSession(kj::AsyncIoContext& io, api::VmmProcess& process,
             std::span<const api::PasstProcess> passts);
  KJ_DISALLOW_COPY(RunSession);

  // Launches the VM and sees it through. Once.
  [[nodiscard]] RunOutcome Run(api::MachineSpec spec);
  // For after Run(), where the VM ended by itself: adds its steps.
  void AddTimeline(Timeline& timeline);

 private:
  void WatchSignals();
  [[nodiscard]] kj::Promise<void> WatchSignal(int number);
  void WatchPasst(const api::PasstProcess& passt);
  void WatchOutput();
  void CarryInput();
  // Ends the VM for a reason of ours. The second call waits for nothing any more.
  void EndVm(ExitCode code, std::string complaint);
  [[nodiscard]] kj::Promise<absl::StatusOr<vmm::ExitStatus>> AwaitEnd();
  [[nodiscard]] RunOutcome Judge(const absl::StatusOr<vmm::ExitStatus>& status) const;
  void taskFailed(kj::Exception&& exception) override;

  kj::AsyncIoContext& io_;
  api::VmmProcess& process_;
  const std::span<const api::PasstProcess> passts_;
  api::VmmConnection connection_;
  OutputSink sink_;
  RawTerminal terminal_;
  InputSource source_;
  bool carrying_ = false;
  std::optional<RunOutcome> forced_;               // by EndVm()
  kj::PromiseFulfillerPair<void> output_written_;  // or will never be
  kj::PromiseFulfillerPair<void> given_up_;        // the VM does not end as asked
  std::optional<api::MachineClient> machine_;
  kj::TaskSet tasks_;  // the last member: what it runs uses the others
};

}  // namespace mayfly::cli
