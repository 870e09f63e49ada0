#include "api/cli/run_command.h"

#include <capnp/message.h>
#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "api/cli/event_lines.h"
#include "api/cli/exit_code.h"
#include "api/cli/host/host_choice.h"
#include "api/cli/host/host_client.h"
#include "api/cli/host/launch_codec.h"
#include "api/cli/host/text_table.h"
#include "api/cli/made_files.h"
#include "api/cli/open_cgroup.h"
#include "api/cli/open_spec.h"
#include "api/cli/output/json.h"
#include "api/cli/output/reports.capnp.h"
#include "api/cli/run_options.h"
#include "api/cli/run_session.h"
#include "api/cli/say.h"
#include "api/cli/spec/spec_options.h"
#include "api/cli/table/commands.h"
#include "api/cli/table/help_text.h"
#include "api/cli/timeline_report.h"
#include "api/client/cpu_profile_cache.h"
#include "api/client/machine_client.h"
#include "api/client/open_file.h"
#include "api/client/passt_process.h"
#include "api/client/vmm_connection.h"
#include "api/client/vmm_process.h"
#include "api/codec/text.h"
#include "base/file_io.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

constexpr mode_t kReadableByAll = 0644;

[[nodiscard]] int Fail(const absl::Status& error) {
  Complain(error.message());
  return static_cast<int>(ExitCodeOf(error));
}

// What takes its time: other programs may have to be started, KVM be asked.
[[nodiscard]] absl::Status CompleteSpec(const RunOptions& options, api::MachineSpec& spec,
                                        std::vector<api::PasstProcess>& passts) {
  MAYFLY_RETURN_IF_ERROR(OpenNets(options, spec, &passts));
  MAYFLY_ASSIGN_OR_RETURN(spec.machine.cpu_profile,
                          api::CpuProfileCache::OfUser().Get(spec.machine.kvm.get()));
  return absl::OkStatus();
}

// What the command leaves behind.
struct Leavings {
  MadeFiles made;
  OwnedFd drawing;
};

// Before the VM starts: a drawing that cannot be written is said at once. What an older one says
// stays until there is something to be written.
[[nodiscard]] absl::Status OpenDrawing(const RunOptions& options, Leavings& leavings) {
  if (options.timeline != TimelineReport::kDrawing) return absl::OkStatus();
  const std::string& path = options.timeline_path;
  leavings.drawing = leavings.made.Make(path, O_WRONLY, kReadableByAll);
  if (leavings.drawing.valid()) return absl::OkStatus();
  leavings.drawing = OwnedFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, kReadableByAll));
  if (leavings.drawing.valid()) return absl::OkStatus();
  const absl::Status error = ErrnoStatus(absl::StrCat("--timeline: ", path, " cannot be written"));
  return absl::InvalidArgumentError(
      absl::StrCat(error.message(), "; name a file that you may write"));
}

[[nodiscard]] absl::Status WriteDrawing(const RunOptions& options, const OwnedFd& drawing,
                                        const std::string& svg) {
  // Devices, which have no length, take it as well.
  (void)!::ftruncate(drawing.get(), 0);
  absl::Status status = WriteFully(drawing.get(), 0, std::as_bytes(std::span(svg)));
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat("--timeline: ", options.timeline_path, ": ", status.message(),
                                   "; make room, or name another file"));
}

[[nodiscard]] absl::Status ReportTimeline(const RunOptions& options, const OwnedFd& drawing,
                                          const Timeline& timeline) {
  const std::vector<TimelineRow> rows = TimelineRows(timeline);
  if (options.timeline == TimelineReport::kTable) {
    const std::string table = FormatTimelineTable(rows);
    (void)!::write(STDERR_FILENO, table.data(), table.size());
    return absl::OkStatus();
  }
  return WriteDrawing(options, drawing, DrawTimeline(rows));
}

// Says what there is to say, and ends this process.
[[noreturn]] void Finish(const RunOptions& options, Leavings& leavings, Timeline& timeline,
                         RunSession& session, const RunOutcome& outcome) {
  if (!outcome.complaint.empty()) Complain(outcome.complaint);
  int code = outcome.exit_code;
  if (!outcome.began) {
    leavings.made.Remove();
  } else if (options.timeline != TimelineReport::kNone) {
    session.AddTimeline(timeline);
    const absl::Status status = ReportTimeline(options, leavings.drawing, timeline);
    if (!status.ok()) code = Fail(status);
  }
  // Nothing is left to do but to free memory, which the kernel does faster. The VMM notices that
  // its client is gone, and ends by itself: the kernel takes some 15 ms to free a VM, and nobody
  // waits for it.
  ::_exit(code);
}

// In a VMM of our own.
[[nodiscard]] int RunHere(const RunOptions& options, api::MachineSpec spec, Leavings& leavings,
                          Timeline& timeline) {
  absl::StatusOr<OwnedFd> kvm = api::OpenKvm();
  if (!kvm.ok()) return Fail(kvm.status());
  spec.machine.kvm = *std::move(kvm);
  absl::StatusOr<std::optional<jailer::Cgroup>> cgroup =
      OpenCgroup(options.limit, options.cgroup_parent);
  if (!cgroup.ok()) return Fail(cgroup.status());

  // The VMM is on its way while all the rest is made ready.
  timeline.Record(TimelineStep::kSpawned);
  absl::StatusOr<api::VmmProcess> process = api::VmmProcess::Spawn(*std::move(cgroup));
  if (!process.ok()) return Fail(process.status());
  for (const std::string& lack : process->PassingLacks()) Complain(lack);
  std::vector<api::PasstProcess> passts;
  if (const absl::Status status = CompleteSpec(options, spec, passts); !status.ok()) {
    RemoveCgroupLater(*process);
    return Fail(status);
  }

  kj::AsyncIoContext io = kj::setupAsyncIo();
  // When all has been sent, the VMM is busy, and this process has nothing to do.
  [[maybe_unused]] const kj::Promise<void> swept =
      kj::evalLast([&options] { SweepCgroups(options.cgroup_parent); }).eagerlyEvaluate(nullptr);
  api::VmmConnection connection(io, process->TakeSocket());
  RunSession session(
      io,
      {.begin =
           [&](rpc::ByteStream::Client output) {
             return api::MachineClient::Launch(connection.vmm(), std::move(spec), kj::mv(output),
                                               rpc::EventListener::Client(kj::heap<EventLines>()));
           },
       .judge_loss = [&](const absl::Status& /*loss*/) { return process->JudgeDeath(); }},
      passts);
  const RunOutcome outcome = session.Run();
  RemoveCgroupLater(*process);
  Finish(options, leavings, timeline, session, outcome);
}

using LaunchResponse = capnp::Response<rpc::Host::LaunchResults>;

void TellJailLacks(const LaunchResponse& launched) {
  for (const auto lack : launched.getJailLacks()) Complain(Printable(api::FromText(lack)));
}

// What is said of a VM that is left to its host service.
[[nodiscard]] absl::StatusOr<std::string> ShowLaunched(const RunOptions& options,
                                                       HostClient& host) {
  if (options.output == Format::kText) return absl::StrCat(options.name, "\n");
  auto request = host.host().inspectRequest();
  request.setName(api::ToText(options.name));
  const auto found = host.Await(request.send());
  if (!found.ok()) return Annotate(found.status(), absl::StrCat(options.name, " runs, but"));
  capnp::MallocMessageBuilder message;
  auto launched = message.initRoot<report::Launched>();
  launched.setName(found->getInfo().getName());
  launched.setId(found->getInfo().getId());
  return ToJsonLine(launched.asReader());
}

// On a host service, which has it from then on.
[[nodiscard]] int RunDetached(RunOptions options, const HostChoice& choice, api::MachineSpec spec,
                              MadeFiles& made) {
  if (options.name.empty()) options.name = NameByChance();
  absl::StatusOr<kj::Own<HostClient>> host = HostClient::Connect(choice);
  if (!host.ok()) return Fail(host.status());
  // What this command started would end with it, or be nobody's.
  if (const absl::Status status = OpenNets(options, spec, nullptr); !status.ok()) {
    return Fail(status);
  }
  auto request = (*host)->host().launchRequest();
  if (const absl::Status status = EncodeLaunch(options, std::move(spec), request); !status.ok()) {
    return Fail(status);
  }
  EncodeUserNets(options, request.getSpec());
  request.setDetached(true);
  const auto launched = (*host)->Await(request.send());
  // A service that is gone may have launched it before.
  if (launched.ok() || absl::IsUnavailable(launched.status())) made.Keep();
  if (!launched.ok()) return Fail(launched.status());
  TellJailLacks(*launched);
  const absl::StatusOr<std::string> said = ShowLaunched(options, **host);
  return said.ok() ? Print(*said) : Fail(said.status());
}

// In a VMM of a host service's.
[[nodiscard]] int RunOnHost(const RunOptions& options, const HostChoice& choice,
                            api::MachineSpec spec, Leavings& leavings, Timeline& timeline) {
  absl::StatusOr<kj::Own<HostClient>> host = HostClient::Connect(choice);
  if (!host.ok()) return Fail(host.status());
  std::vector<api::PasstProcess> passts;
  if (const absl::Status status = OpenNets(options, spec, &passts); !status.ok()) {
    return Fail(status);
  }
  auto request = (*host)->host().launchRequest();
  if (const absl::Status status = EncodeLaunch(options, std::move(spec), request); !status.ok()) {
    return Fail(status);
  }
  request.setListener(kj::heap<EventLines>());
  kj::Promise<void> telling = kj::READY_NOW;
  RunSession session(
      (*host)->io(),
      {.begin =
           [&](rpc::ByteStream::Client output) {
             request.setOutput(kj::mv(output));
             auto launched = request.send();
             api::MachineClient machine =
                 api::MachineClient::Follow(launched.getMachine(), launched.getInput());
             // Whoever waits for the VM is told how a launch failed.
             telling = launched
                           .then([](const LaunchResponse& response) { TellJailLacks(response); },
                                 [](kj::Exception&&) {})
                           .eagerlyEvaluate(nullptr);
             return machine;
           },
       .judge_loss = [&](const absl::Status& loss) -> absl::StatusOr<vmm::ExitStatus> {
         return Annotate(loss, absl::StrCat("the host service at ", choice.path));
       }},
      passts);
  const RunOutcome outcome = session.Run();
  Finish(options, leavings, timeline, session, outcome);
}

}  // namespace

int RunCommand(std::span<char* const> arguments, Timeline& timeline) {
  const absl::StatusOr<RunOptions> options = ParseRunOptions(arguments, ReadSpec);
  if (!options.ok()) {
    Complain(absl::StrCat("run: ", options.status().message(), "; see mayfly run --help"));
    return static_cast<int>(ExitCode::kUsage);
  }
  if (options->help) return Print(HelpText(kRunCommand, "mayfly run"));
  Leavings leavings;
  if (const absl::Status status = OpenDrawing(*options, leavings); !status.ok()) {
    return Fail(status);
  }
  absl::StatusOr<api::MachineSpec> spec = OpenFiles(*options, leavings.made);
  if (!spec.ok()) return Fail(spec.status());
  const HostChoice host = ChooseHost(options->host);
  const bool is_wanted = !host.path.empty() && (host.asked_for || HostAnswers(host.path));
  if (options->detach) return RunDetached(*options, host, *std::move(spec), leavings.made);
  if (options->needs_host || is_wanted) {
    return RunOnHost(*options, host, *std::move(spec), leavings, timeline);
  }
  return RunHere(*options, *std::move(spec), leavings, timeline);
}

}  // namespace mayfly::cli
