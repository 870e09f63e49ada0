#include "tests/bench/vmm_run.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/client/machine_client.h"
#include "api/client/vmm_connection.h"
#include "api/client/vmm_process.h"
#include "base/status.h"

namespace mayfly::bench {
namespace {

constexpr uint64_t kGuestMemoryBytes = uint64_t{128} << 20;

absl::StatusOr<OwnedFd> Open(const std::string& path, int flags) {
  OwnedFd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus("opening " + path);
  return fd;
}

// Notes when the first byte came, and drops all.
class FirstByteSink final : public rpc::ByteStream::Server {
 public:
  explicit FirstByteSink(kj::Own<kj::PromiseFulfiller<Nanoseconds>> first)
      : first_(kj::mv(first)) {}

  kj::Promise<void> write(WriteContext context) override {
    if (context.getParams().getBytes().size() != 0 && first_->isWaiting()) {
      first_->fulfill(MonotonicNow());
    }
    return kj::READY_NOW;
  }

 private:
  kj::Own<kj::PromiseFulfiller<Nanoseconds>> first_;
};

// A VM on its way: everything that has to live until its end.
struct LaunchedVm {
  kj::Own<api::VmmProcess> process;
  kj::Own<api::VmmConnection> connection;
  api::MachineClient machine;
  kj::Promise<Nanoseconds> first_byte;
};

absl::StatusOr<LaunchedVm> Launch(kj::AsyncIoContext& io, const std::string& program,
                                  const std::string& kernel, const vmm::CpuProfile& profile,
                                  const jailer::Jail& jail) {
  MAYFLY_ASSIGN_OR_RETURN(const OwnedFd executable, Open(program, O_PATH));
  MAYFLY_ASSIGN_OR_RETURN(auto process, api::VmmProcess::Spawn(executable.get(), jail));
  auto connection = kj::heap<api::VmmConnection>(io, process.TakeSocket());

  api::MachineSpec spec;
  spec.machine.memory_bytes = kGuestMemoryBytes;
  spec.machine.cpu_profile = profile;
  MAYFLY_ASSIGN_OR_RETURN(spec.machine.kvm, Open("/dev/kvm", O_RDWR));
  MAYFLY_ASSIGN_OR_RETURN(spec.machine.kernel.fd, Open(kernel, O_RDONLY));
  spec.machine.kernel.name = kernel;

  auto first = kj::newPromiseAndFulfiller<Nanoseconds>();
  auto machine = api::MachineClient::Launch(connection->vmm(), std::move(spec),
                                            kj::heap<FirstByteSink>(kj::mv(first.fulfiller)));
  return LaunchedVm{.process = kj::heap<api::VmmProcess>(kj::mv(process)),
                    .connection = kj::mv(connection),
                    .machine = kj::mv(machine),
                    .first_byte = kj::mv(first.promise)};
  // kj::Own frees what kj::heap makes, by a way that is too long for the analyzer.
}  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks)

// Sums Anonymous of /proc/PID/smaps over all mappings but the largest, which is the guest's memory.
absl::StatusOr<uint64_t> AnonymousKiB(pid_t pid) {
  std::ifstream smaps(absl::StrCat("/proc/", pid, "/smaps"));
  if (!smaps) return absl::NotFoundError("reading a VMM's memory map");
  uint64_t total = 0;
  uint64_t largest_size = 0;
  uint64_t largest_anonymous = 0;
  uint64_t size = 0;
  std::string key;
  while (smaps >> key) {
    uint64_t kib = 0;
    if (key == "Size:" && smaps >> kib) {
      size = kib;
    } else if (key == "Anonymous:" && smaps >> kib) {
      total += kib;
      if (size > largest_size) {
        largest_size = size;
        largest_anonymous = kib;
      }
    }
  }
  return total - largest_anonymous;
}

}  // namespace

absl::StatusOr<VmmRunner> VmmRunner::Create(kj::AsyncIoContext& io, std::string program,
                                            std::string kernel) {
  MAYFLY_ASSIGN_OR_RETURN(const OwnedFd kvm, Open("/dev/kvm", O_RDWR));
  MAYFLY_ASSIGN_OR_RETURN(auto profile, vmm::CpuProfile::Probe(kvm.get()));
  MAYFLY_ASSIGN_OR_RETURN(auto jail, jailer::Jail::ForMany());
  return VmmRunner(io, std::move(program), std::move(kernel), std::move(profile), std::move(jail));
}

absl::StatusOr<VmmRunner::Run> VmmRunner::RunOnce(Timeline& timeline) {
  const Nanoseconds begin = MonotonicNow();
  timeline.Record(TimelineStep::kRequested, begin);
  MAYFLY_ASSIGN_OR_RETURN(auto vm, Launch(*io_, program_, kernel_, profile_, jail_));
  const absl::StatusOr<vmm::ExitStatus> end = vm.machine.WhenEnded().wait(io_->waitScope);
  const Nanoseconds ended = MonotonicNow();
  MAYFLY_RETURN_IF_ERROR(end.status());
  if (end->reason != vmm::ExitReason::kStatus || end->status != 0) {
    return absl::InternalError("the guest ended otherwise than planned: " + end->detail);
  }
  const Nanoseconds first = vm.first_byte.wait(io_->waitScope);
  MAYFLY_RETURN_IF_ERROR(vm.machine.FetchTimeline(timeline).wait(io_->waitScope));
  // The connection's end ends the process; what it leaves to the kernel must not weigh on the next
  // run.
  vm.connection = nullptr;
  MAYFLY_RETURN_IF_ERROR(vm.process->process().Wait().status());
  return Run{.first_byte = first - begin, .exit = ended - begin};
}

absl::StatusOr<uint64_t> VmmRunner::MeasurePrivateMemory() {
  MAYFLY_ASSIGN_OR_RETURN(auto vm, Launch(*io_, program_, kernel_, profile_, jail_));
  vm.first_byte.wait(io_->waitScope);
  auto memory = AnonymousKiB(vm.process->process().pid());
  vm.process->process().Kill();
  MAYFLY_RETURN_IF_ERROR(vm.process->process().Wait().status());
  return memory;
}

}  // namespace mayfly::bench
