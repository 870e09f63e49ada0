#include "api/cli/run_command.h"

#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "api/cli/exit_code.h"
#include "api/cli/open_cgroup.h"
#include "api/cli/open_devices.h"
#include "api/cli/run_options.h"
#include "api/cli/run_session.h"
#include "api/cli/say.h"
#include "api/cli/spec/spec_options.h"
#include "api/cli/table/commands.h"
#include "api/cli/table/help_text.h"
#include "api/cli/timeline_report.h"
#include "api/client/cpu_profile_cache.h"
#include "api/client/open_file.h"
#include "api/client/passt_process.h"
#include "api/client/vmm_process.h"
#include "base/file_io.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

constexpr mode_t kReadableByAll = 0644;

[[nodiscard]] int Fail(const absl::Status& error) {
  Complain(error.message());
  return static_cast<int>(ExitCodeOf(error));
}

// What needs but to be opened.
[[nodiscard]] absl::StatusOr<api::MachineSpec> OpenSpec(const RunOptions& options) {
  api::MachineSpec spec;
  spec.timeout = options.timeout;
  vmm::MachineConfig& machine = spec.machine;
  machine.cpus = options.cpus;
  machine.memory_bytes = options.memory.bytes;
  machine.memory = options.memory.options;
  machine.command_line = options.command_line;
  machine.boot_protocol = options.boot_protocol;
  MAYFLY_ASSIGN_OR_RETURN(machine.kernel, api::OpenImage("kernel", options.kernel));
  if (options.initrd) {
    MAYFLY_ASSIGN_OR_RETURN(machine.initrd, api::OpenImage("initrd", *options.initrd));
  }
  for (const DiskOption& option : options.disks) {
    MAYFLY_ASSIGN_OR_RETURN(vmm::DiskConfig disk, OpenDisk(option));
    machine.disks.push_back(std::move(disk));
  }
  MAYFLY_ASSIGN_OR_RETURN(machine.kvm, api::OpenKvm());
  return spec;
}

// What takes its time: other programs may have to be started, KVM be asked.
[[nodiscard]] absl::Status CompleteSpec(const RunOptions& options, api::MachineSpec& spec,
                                        std::vector<api::PasstProcess>& passts) {
  vmm::MachineConfig& machine = spec.machine;
  for (const NetOption& option : options.nets) {
    MAYFLY_ASSIGN_OR_RETURN(vmm::NetConfig net, OpenNet(option, passts));
    machine.nets.push_back(std::move(net));
  }
  MAYFLY_ASSIGN_OR_RETURN(machine.cpu_profile,
                          api::CpuProfileCache::OfUser().Get(machine.kvm.get()));
  return absl::OkStatus();
}

// Before the VM starts: a drawing that cannot be written is said at once.
[[nodiscard]] absl::StatusOr<OwnedFd> OpenDrawing(const RunOptions& options) {
  if (options.timeline != TimelineReport::kDrawing) return OwnedFd();
  OwnedFd file(::open(options.timeline_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                      kReadableByAll));
  if (file.valid()) return file;
  return absl::InvalidArgumentError(
      ErrnoStatus(absl::StrCat("--timeline: ", options.timeline_path, " cannot be written"))
          .message());
}

[[nodiscard]] absl::Status ReportTimeline(const RunOptions& options, const OwnedFd& drawing,
                                          const Timeline& timeline) {
  const std::vector<TimelineRow> rows = TimelineRows(timeline);
  if (options.timeline == TimelineReport::kTable) {
    const std::string table = FormatTimelineTable(rows);
    (void)!::write(STDERR_FILENO, table.data(), table.size());
    return absl::OkStatus();
  }
  const std::string svg = DrawTimeline(rows);
  return Annotate(WriteFully(drawing.get(), 0, std::as_bytes(std::span(svg))),
                  absl::StrCat("--timeline: ", options.timeline_path));
}

}  // namespace

int RunCommand(std::span<char* const> arguments, Timeline& timeline) {
  const absl::StatusOr<RunOptions> options = ParseRunOptions(arguments, ReadSpec);
  if (!options.ok()) {
    Complain(absl::StrCat("run: ", options.status().message(), "; see mayfly run --help"));
    return static_cast<int>(ExitCode::kUsage);
  }
  if (options->help) return Print(HelpText(kRunCommand, "mayfly run"));
  absl::StatusOr<OwnedFd> drawing = OpenDrawing(*options);
  if (!drawing.ok()) return Fail(drawing.status());
  absl::StatusOr<api::MachineSpec> spec = OpenSpec(*options);
  if (!spec.ok()) return Fail(spec.status());

  absl::StatusOr<std::optional<jailer::Cgroup>> cgroup =
      OpenCgroup(options->limit, options->cgroup_parent);
  if (!cgroup.ok()) return Fail(cgroup.status());

  // The VMM is on its way while all the rest is made ready.
  timeline.Record(TimelineStep::kSpawned);
  absl::StatusOr<api::VmmProcess> process = api::VmmProcess::Spawn(*std::move(cgroup));
  if (!process.ok()) return Fail(process.status());
  for (const std::string& lack : process->JailLacks()) Complain(lack);
  std::vector<api::PasstProcess> passts;
  if (const absl::Status status = CompleteSpec(*options, *spec, passts); !status.ok()) {
    RemoveCgroupLater(*process);
    return Fail(status);
  }

  kj::AsyncIoContext io = kj::setupAsyncIo();
  // When all has been sent, the VMM is busy, and this process has nothing to do.
  const kj::Promise<void> swept =
      kj::evalLast([&options] { SweepCgroups(options->cgroup_parent); }).eagerlyEvaluate(nullptr);
  RunSession session(io, *process, passts);
  RunOutcome outcome = session.Run(*std::move(spec));
  RemoveCgroupLater(*process);
  if (!outcome.complaint.empty()) Complain(outcome.complaint);
  if (options->timeline != TimelineReport::kNone) {
    session.AddTimeline(timeline);
    if (const absl::Status status = ReportTimeline(*options, *drawing, timeline); !status.ok()) {
      return Fail(status);
    }
  }
  // Nothing is left to do but to free memory, which the kernel does faster. The VMM notices that
  // its client is gone, and ends by itself: the kernel takes some 15 ms to free a VM, and nobody
  // waits for it.
  ::_exit(outcome.exit_code);
}

}  // namespace mayfly::cli
