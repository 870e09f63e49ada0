#include "api/host/fake_vmm.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/codec/rpc_status.h"
#include "api/codec/text.h"
#include "base/socket_pair.h"

namespace mayfly::api::testing {
namespace {

using Answer = FakeBehaviour::Answer;

template <typename Context>
[[nodiscard]] kj::Promise<void> Give(Answer answer, Context& context) {
  context.allowCancellation();
  switch (answer) {
    case Answer::kGood:
      return kj::READY_NOW;
    case Answer::kError:
      return ToException(absl::InternalError("no"));
    case Answer::kNone:
      break;
  }
  return kj::NEVER_DONE;
}

[[nodiscard]] OwnedFd PidfdOf(pid_t pid) {
  return OwnedFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
}

// By the descriptor: the number may be another's, once the process has been waited for.
void Kill(int pidfd) { ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0U); }

class FakeMachine final : public rpc::Machine::Server {
 public:
  FakeMachine(FakeBehaviour& behaviour, int pidfd) : behaviour_(behaviour), pidfd_(pidfd) {}
  // With the last who holds it, or the connection, goes the process.
  ~FakeMachine() noexcept(false) { Kill(pidfd_); }

 protected:
  kj::Promise<void> wait(WaitContext context) override {
    context.allowCancellation();
    if (!behaviour_.exit_detail) return kj::NEVER_DONE;
    context.getResults().initStatus().setDetail(ToText(*behaviour_.exit_detail));
    return kj::READY_NOW;
  }
  kj::Promise<void> stats(StatsContext context) override {
    context.getResults().initStats().setState(static_cast<rpc::MachineState>(behaviour_.state));
    return kj::READY_NOW;
  }
  kj::Promise<void> events(EventsContext context) override {
    auto listener = context.getParams().getListener();
    kj::Vector<kj::Promise<void>> told;
    for (const rpc::EventKind kind : behaviour_.events) {
      auto request = listener.eventRequest();
      request.initEvent().setKind(kind);
      told.add(request.send());
    }
    return kj::joinPromises(told.releaseAsArray());
  }
  kj::Promise<void> attach(AttachContext context) override {
    return Give(behaviour_.attach, context);
  }
  kj::Promise<void> detach(DetachContext context) override {
    ++behaviour_.detached;
    return Give(behaviour_.detach, context);
  }
  kj::Promise<void> kill(KillContext context) override { return Give(behaviour_.kill, context); }

 private:
  FakeBehaviour& behaviour_;
  const int pidfd_;
};

class FakeServer final : public rpc::Vmm::Server {
 public:
  FakeServer(FakeBehaviour& behaviour, int pidfd) : behaviour_(behaviour), pidfd_(pidfd) {}

 protected:
  kj::Promise<void> machine(MachineContext context) override {
    context.getResults().setMachine(kj::heap<FakeMachine>(behaviour_, pidfd_));
    return kj::READY_NOW;
  }
  kj::Promise<void> listen(ListenContext) override { return kj::READY_NOW; }

 private:
  FakeBehaviour& behaviour_;
  const int pidfd_;
};

[[nodiscard]] pid_t StartIdleProcess() {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  while (true) ::pause();
}

// The record of an earlier host, and the socket to which the VMM listens since.
[[nodiscard]] OwnedFd Record(kj::AsyncIoContext& io, const VmStore& store, VmFacts facts,
                             pid_t pid) {
  SocketPair sockets = SocketPair::MakeNonBlocking().value();
  capnp::MallocMessageBuilder message;
  const std::string name = facts.name;
  const auto former =
      kj::refcounted<Vm>(io,
                         VmOrigin{.facts = std::move(facts),
                                  .spec = SpecRecord(message.initRoot<rpc::MachineSpec>()),
                                  .share = QuotaShare::TakeAnyway({}, {})},
                         VmmProcess::Adopt(pid, PidfdOf(pid), std::move(sockets.ours)), [](Vm&) {});
  return store.Add(*former, name).value();
}

}  // namespace

FleetResources NoResources() {
  return {.program = OwnedFd(),
          .opener = OwnedFd(),
          .jail = jailer::Jail::ForOne(),
          .cgroups = jailer::CgroupTree::Find(jailer::CgroupSettings::ForThisProcess()).value(),
          .kvm = OwnedFd(),
          .cpu_profile = {}};
}

FakeVmm::FakeVmm(kj::AsyncIoContext& io, const VmStore& store, VmFacts facts,
                 FakeBehaviour& behaviour)
    : pid_(StartIdleProcess()),
      pidfd_(PidfdOf(pid_)),
      server_(kj::heap<FakeServer>(behaviour, pidfd_.get())),
      receiver_(io.lowLevelProvider->wrapListenSocketFd(
          Record(io, store, std::move(facts), pid_).release(),
          kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP)),
      listening_(server_.listen(*receiver_).eagerlyEvaluate(nullptr)) {}

FakeVmm::~FakeVmm() noexcept(false) {
  Kill(pidfd_.get());
  ::waitpid(pid_, nullptr, 0);
}

bool FakeVmm::Lives() const { return ::waitpid(pid_, nullptr, WNOHANG) == 0; }

}  // namespace mayfly::api::testing
