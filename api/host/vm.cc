#include "api/host/vm.h"

#include <utility>

#include "absl/status/status.h"
#include "api/codec/exit_status_codec.h"
#include "api/codec/rpc_status.h"

namespace mayfly::api {
namespace {

// A process whose connection broke is about to end, if it has not.
constexpr auto kPatienceWithTheBroken = 1 * kj::SECONDS;
// A VM that is ended brings its disks to rest first.
constexpr auto kPatienceWithDisks = 10 * kj::SECONDS;
// A thread of the kernel's may be in a cgroup a moment longer than the VMM; after that it is left
// to the next sweep.
constexpr auto kPause = 5 * kj::MILLISECONDS;
constexpr int kMostAttempts = 1000;
constexpr char kEndedByHost[] = "the VM has been ended by its host";

}  // namespace

Vm::Vm(kj::AsyncIoContext& io, VmOrigin origin, VmmProcess process,
       std::function<void(Vm&)> released)
    : timer_(io.provider->getTimer()),
      origin_(std::move(origin)),
      process_(std::move(process)),
      stillbirth_(process_),
      released_(std::move(released)),
      process_observer_(io.unixEventPort, process_.process().pidfd(),
                        kj::UnixEventPort::FdObserver::OBSERVE_READ),
      process_ended_(process_observer_.whenBecomesReadable().fork()),
      connection_(kj::heap<VmmConnection>(io, process_.TakeSocket())) {
  stillbirth_.IsAverted();
}

// It has begun its program, and the kernel ends that at once.
Vm::Stillbirth::~Stillbirth() {
  if (averted_ || process_.is_adopted()) return;
  process_.process().Kill();
  (void)process_.process().Wait();
}

rpc::Vmm::Client Vm::vmm() {
  KJ_IF_MAYBE (connection, connection_) return (*connection)->vmm();
  return ToException(absl::UnavailableError(kEndedByHost));
}

void Vm::Begin(rpc::Machine::Client machine, State state) {
  machine_ = kj::mv(machine);
  state_ = state;
  ended_ = AwaitEnd().fork();
}

kj::Promise<absl::StatusOr<vmm::ExitStatus>> Vm::WhenEnded() { return ended_.addBranch(); }

kj::Promise<absl::StatusOr<vmm::ExitStatus>> Vm::AwaitEnd() {
  using Result = absl::StatusOr<vmm::ExitStatus>;
  auto told = machine_.waitRequest().send().then(
      [](capnp::Response<rpc::Machine::WaitResults>&& response) -> kj::Promise<Result> {
        return Result(DecodeExitStatus(response.getStatus()));
      },
      [this](kj::Exception&& exception) -> kj::Promise<Result> {
        if (leaving_) {
          return Result(
              vmm::ExitStatus{.reason = vmm::ExitReason::kKilled, .detail = why_leaving_});
        }
        if (exception.getType() != kj::Exception::Type::DISCONNECTED) {
          return Result(FromException(exception));
        }
        return Judge();
      });
  return told.then([this](Result result) {
    if (!result.ok()) return result;
    if (result->detail.size() > kLongestDetail) result->detail.resize(kLongestDetail);
    exit_ = *result;
    return result;
  });
}

kj::Promise<absl::StatusOr<vmm::ExitStatus>> Vm::Judge() {
  return ProcessEnded(kPatienceWithTheBroken).then([this]() -> absl::StatusOr<vmm::ExitStatus> {
    if (reaped_) return absl::UnavailableError("the VM's process is gone");
    reaped_ = true;
    return process_.JudgeDeath();
  });
}

kj::Promise<void> Vm::ProcessEnded(kj::Duration patience) {
  auto killed = timer_.afterDelay(patience).then([this] {
    process_.process().Kill();
    return process_ended_.addBranch();
  });
  return process_ended_.addBranch().exclusiveJoin(kj::mv(killed));
}

kj::Promise<void> Vm::TearDown(std::string why) {
  leaving_ = true;
  why_leaving_ = std::move(why);
  kj::Promise<void> farewell = kj::READY_NOW;
  if (exit_) {
    farewell = WhenFarewellIsSaid().exclusiveJoin(timer_.afterDelay(kPatienceWithTheBroken));
  }
  // In a turn of its own: the connection may be what called us.
  return farewell
      .then([this] {
        return kj::evalLater([this] {
          machine_ = rpc::Machine::Client(ToException(absl::UnavailableError(kEndedByHost)));
          connection_ = nullptr;
          return ProcessEnded(kPatienceWithDisks);
        });
      })
      .then([this] {
        if (!reaped_) (void)process_.process().TryWait();
        reaped_ = true;
        cgroup_ = process_.TakeCgroup();
        return RemoveCgroup(kMostAttempts);
      });
}

kj::Promise<void> Vm::RemoveCgroup(int attempts_left) {
  if (!cgroup_ || attempts_left == 0) return kj::READY_NOW;
  if (!absl::IsUnavailable(cgroup_->Remove())) {
    cgroup_.reset();
    return kj::READY_NOW;
  }
  return timer_.afterDelay(kPause).then(
      [this, attempts_left] { return RemoveCgroup(attempts_left - 1); });
}

VmRef::~VmRef() noexcept(false) {
  if (vm_.get() != nullptr && --vm_->holds_ == 0) vm_->released_(*vm_);
}

}  // namespace mayfly::api
