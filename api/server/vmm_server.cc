#include "api/server/vmm_server.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/codec/fd_file.h"
#include "api/codec/file_arrivals.h"
#include "api/codec/rpc_status.h"
#include "api/server/machine_server.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

[[nodiscard]] absl::Status CheckLegacy(rpc::Vmm::ListenParams::Reader params) {
  if (!params.hasSocket()) return BadField("socket", "none is given");
  if (const size_t bytes = params.getRecord().size(); bytes > VmmServer::kMostRecordBytes) {
    return BadField("record", absl::StrCat(bytes, " bytes are more than the ",
                                           VmmServer::kMostRecordBytes, " that are kept"));
  }
  if (const size_t files = params.getFiles().size(); files > kMaxFilesLeft) {
    return BadField("files",
                    absl::StrCat(files, " are more than the ", kMaxFilesLeft, " that are kept"));
  }
  return absl::OkStatus();
}

}  // namespace

kj::Promise<void> VmmServer::create(CreateContext context) {
  timeline_->Record(TimelineStep::kSpecReceived);
  return DecodeSpec(context.getParams())
      .then([this, context](kj::Own<MachineSpec> spec) mutable -> kj::Promise<void> {
        const absl::Status status = Create(std::move(*spec), context);
        if (!status.ok()) return ToException(status);
        return kj::READY_NOW;
      });
}

absl::Status VmmServer::Create(MachineSpec spec, CreateContext& context) {
  if (slot_->machine != nullptr) {
    return absl::FailedPreconditionError(
        "this VMM process has its VM already; start another for another VM");
  }
  spec.machine.thread_setup = thread_setup_;
  MAYFLY_ASSIGN_OR_RETURN(kj::Own<HostedMachine> machine,
                          HostedMachine::Create(std::move(spec), timeline_, port_));
  const rpc::Vmm::CreateParams::Reader params = context.getParams();
  if (params.getStart()) MAYFLY_RETURN_IF_ERROR(machine->Start());
  if (params.hasListener()) {
    MAYFLY_RETURN_IF_ERROR(machine->AttachListener(params.getListener()));
  }
  // The console keeps what the guest writes until then.
  if (params.hasOutput()) {
    context.getResults().setInput(machine->AttachConsole(params.getOutput()));
  }
  context.getResults().setMachine(
      kj::heap<MachineServer>(kj::addRef(*machine), kj::addRef(*slot_)));
  slot_->machine = std::move(machine);
  return absl::OkStatus();
}

kj::Promise<void> VmmServer::machine(MachineContext context) {
  if (slot_->is_released()) {
    return ToException(absl::FailedPreconditionError("the VM is being ended: nobody held it"));
  }
  KJ_IF_MAYBE (machine, slot_->machine) {
    auto results = context.getResults();
    results.setMachine(kj::heap<MachineServer>(kj::addRef(**machine), kj::addRef(*slot_)));
    results.setRecord(slot_->legacy.record);
    auto files = results.initFiles(static_cast<capnp::uint>(slot_->legacy.files.size()));
    capnp::uint position = 0;
    for (rpc::File::Client& file : slot_->legacy.files) files.set(position++, file);
    return kj::READY_NOW;
  }
  return ToException(absl::FailedPreconditionError("this VMM process has no VM yet"));
}

kj::Promise<void> VmmServer::listen(ListenContext context) {
  struct Arriving {
    OwnedFd socket;
    std::vector<OwnedFd> files;
    FileArrivals arrivals;
  };
  const auto params = context.getParams();
  if (const absl::Status status = CheckLegacy(params); !status.ok()) return ToException(status);
  auto arriving = kj::heap<Arriving>();
  arriving->files.resize(params.getFiles().size());
  arriving->arrivals.Expect("socket", params.getSocket(), arriving->socket);
  capnp::uint position = 0;
  for (OwnedFd& file : arriving->files) {
    arriving->arrivals.Expect(absl::StrCat("files[", position, "]"), params.getFiles()[position],
                              file);
    ++position;
  }
  FileArrivals& arrivals = arriving->arrivals;
  return arrivals.Receive().then([this, context, arriving = kj::mv(arriving)](
                                     const absl::Status& received) mutable -> kj::Promise<void> {
    if (!received.ok()) return ToException(received);
    const absl::Status status = connections_.Listen(std::move(arriving->socket), thisCap());
    if (!status.ok()) return ToException(status);
    auto files = kj::heapArrayBuilder<rpc::File::Client>(arriving->files.size());
    for (OwnedFd& file : arriving->files) files.add(kj::heap<FdFile>(std::move(file)));
    slot_->legacy = {.record = kj::heapArray<kj::byte>(context.getParams().getRecord()),
                     .files = files.finish()};
    slot_->reachable = true;
    return kj::READY_NOW;
  });
}

}  // namespace mayfly::api
