#include "api/cli/run_session.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/cli/output_stream.h"

namespace mayfly::cli {
namespace {

// How long a VM may take to bring its disks to rest when it is ended from here; its process is
// killed after that.
constexpr auto kPatience = 2 * kj::SECONDS;

struct EndingSignal {
  int number;
  ExitCode code;
};
constexpr std::array kEndingSignals = {
    EndingSignal{SIGINT, ExitCode::kInterrupted},
    EndingSignal{SIGTERM, ExitCode::kTerminated},
    EndingSignal{SIGHUP, ExitCode::kHangup},
    EndingSignal{SIGQUIT, ExitCode::kQuit},
};

// nohup(1), and shells for their background jobs, have signals ignored on purpose.
[[nodiscard]] bool IsIgnored(int number) {
  struct sigaction action {};
  return ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

// An error that says nothing of the VM: it may have been there.
[[nodiscard]] bool IsLoss(const absl::Status& error) {
  return absl::IsUnavailable(error) || absl::IsCancelled(error);
}

}  // namespace

RunSession::RunSession(kj::AsyncIoContext& io, SessionVm vm,
                       std::span<const api::PasstProcess> passts)
    : io_(io),
      vm_(kj::mv(vm)),
      passts_(passts),
      sink_(STDOUT_FILENO, io.unixEventPort),
      terminal_(STDIN_FILENO),
      source_(STDIN_FILENO,
              terminal_.is_terminal() ? InputSource::Escape::kCtrlQ : InputSource::Escape::kNone,
              io.unixEventPort),
      output_written_(kj::newPromiseAndFulfiller<void>()),
      given_up_(kj::newPromiseAndFulfiller<void>()),
      tasks_(*this) {}

RunOutcome RunSession::Run() {
  machine_ = vm_.begin(kj::heap<OutputStream>(sink_, std::move(output_written_.fulfiller)));
  WatchLaunch();
  WatchSignals();
  terminal_.Enter();  // now that no signal can end us with the terminal raw
  WatchOutput();
  for (const api::PasstProcess& passt : passts_) WatchPasst(passt);
  CarryInput();
  const absl::StatusOr<vmm::ExitStatus> status = AwaitEnd().wait(io_.waitScope);
  terminal_.Restore();
  RunOutcome outcome = forced_ ? *forced_ : Judge(status);
  outcome.began = status.ok() || launched_ || IsLoss(status.status());
  return outcome;
}

void RunSession::WatchLaunch() {
  // Why it failed is told by the wait for its end.
  tasks_.add(machine_->capability().whenResolved().then([this] { launched_ = true; },
                                                        [](kj::Exception&&) {}));
}

kj::Promise<absl::StatusOr<vmm::ExitStatus>> RunSession::AwaitEnd() {
  auto ended = machine_->WhenEnded().then([this](absl::StatusOr<vmm::ExitStatus> status)
                                              -> kj::Promise<absl::StatusOr<vmm::ExitStatus>> {
    if (!status.ok() || forced_) return status;
    // The guest's last words may still wait for our reader.
    return std::move(output_written_.promise).then([status = std::move(status)]() mutable {
      return std::move(status);
    });
  });
  auto given_up = given_up_.promise.then(
      []() -> absl::StatusOr<vmm::ExitStatus> { return absl::CancelledError("given up"); });
  return ended.exclusiveJoin(std::move(given_up));
}

void RunSession::WatchSignals() {
  for (const EndingSignal& ending : kEndingSignals) {
    if (IsIgnored(ending.number)) continue;
    kj::UnixEventPort::captureSignal(ending.number);
    tasks_.add(WatchSignal(ending.number));
  }
  if (terminal_.is_terminal()) {
    kj::UnixEventPort::captureSignal(SIGCONT);
    tasks_.add(WatchSignal(SIGCONT));
  }
}

kj::Promise<void> RunSession::WatchSignal(int number) {
  return io_.unixEventPort.onSignal(number).then([this, number](siginfo_t) {
    if (number == SIGCONT) {
      terminal_.Enter();
      CarryInput();
    }
    for (const EndingSignal& ending : kEndingSignals) {
      if (ending.number == number) EndVm(ending.code, "");
    }
    return WatchSignal(number);
  });
}

// A VM without its network, or without the ports that lead into it, is not what was asked for.
void RunSession::WatchPasst(const api::PasstProcess& passt) {
  auto observer = kj::heap<kj::UnixEventPort::FdObserver>(
      io_.unixEventPort, passt.process().pidfd(), kj::UnixEventPort::FdObserver::OBSERVE_READ);
  auto ended = observer->whenBecomesReadable();
  tasks_.add(ended.attach(kj::mv(observer)).then([this, &passt] {
    const std::optional<std::string> failure = passt.DescribeFailure();
    if (!failure) return;
    EndVm(ExitCode::kFailure,
          absl::StrCat("--net user: the network failed: ", *failure, "; the VM was ended"));
  }));
}

void RunSession::WatchOutput() {
  tasks_.add(sink_.WhenFailed().then([this](int error) {
    if (error == EPIPE) return EndVm(ExitCode::kBrokenPipe, "");
    EndVm(ExitCode::kFailure,
          absl::StrCat(
              "the guest's console cannot be written to standard output: ", std::strerror(error),
              error == ENOSPC ? "; make room and run it again" : "", "; the VM was ended"));
  }));
}

void RunSession::CarryInput() {
  if (carrying_ || !terminal_.may_read()) return;
  carrying_ = true;
  tasks_.add(source_.Carry(machine_->input()).then([this](InputSource::End end) {
    if (end == InputSource::End::kQuit) EndVm(CodeOfQuitting(), "");
  }));
}

ExitCode RunSession::CodeOfQuitting() const {
  return vm_.at_our_end == SessionVm::AtOurEnd::kLeaveVm ? ExitCode::kSuccess
                                                         : ExitCode::kInterrupted;
}

void RunSession::EndVm(ExitCode code, std::string complaint) {
  if (forced_) return given_up_.fulfiller->fulfill();
  forced_ = RunOutcome{static_cast<int>(code), std::move(complaint)};
  sink_.Abandon();
  if (vm_.at_our_end == SessionVm::AtOurEnd::kLeaveVm) return given_up_.fulfiller->fulfill();
  machine_->Kill();
  tasks_.add(io_.provider->getTimer().afterDelay(kPatience).then(
      [this] { given_up_.fulfiller->fulfill(); }));
}

RunOutcome RunSession::Judge(const absl::StatusOr<vmm::ExitStatus>& status) {
  if (status.ok()) {
    return {ExitCodeOf(*status), IsWorthAWord(status->reason) ? status->detail : std::string()};
  }
  if (absl::IsUnavailable(status.status()) && !lost_) {
    lost_ = true;
    return Judge(vm_.judge_loss(status.status()));
  }
  return {static_cast<int>(ExitCodeOf(status.status())), std::string(status.status().message())};
}

void RunSession::AddTimeline(Timeline& timeline) {
  if (!forced_) machine_->FetchTimeline(timeline).wait(io_.waitScope).IgnoreError();
}

void RunSession::taskFailed(kj::Exception&& exception) {
  EndVm(ExitCode::kFailure, std::string(exception.getDescription().cStr()));
}

}  // namespace mayfly::cli
