#include "api/client/machine_client.h"

#include <utility>

#include "api/codec/exit_status_codec.h"
#include "api/codec/rpc_status.h"
#include "api/codec/timeline_codec.h"

namespace mayfly::api {

MachineClient MachineClient::Launch(rpc::Vmm::Client vmm, MachineSpec spec,
                                    rpc::ByteStream::Client output) {
  auto create = vmm.createRequest();
  EncodeSpec(std::move(spec), create);
  create.setStart(true);
  create.setOutput(std::move(output));
  auto created = create.send();
  rpc::Machine::Client machine = created.getMachine();
  rpc::ByteStream::Client input = created.getInput();
  // An error of the creation comes back as that of the wait for what was not created.
  auto ended = machine.waitRequest().send().then(
      [](capnp::Response<rpc::Machine::WaitResults>&& response) {
        return absl::StatusOr<vmm::ExitStatus>(DecodeExitStatus(response.getStatus()));
      },
      [](kj::Exception&& exception) {
        return absl::StatusOr<vmm::ExitStatus>(FromException(exception));
      });
  return {std::move(machine), std::move(input), std::move(ended)};
}

void MachineClient::Kill() {
  // Whether it arrived is seen by the VM's end.
  machine_.killRequest().send().ignoreResult().detach([](kj::Exception&&) {});
}

kj::Promise<absl::Status> MachineClient::FetchTimeline(Timeline& timeline) {
  return machine_.timelineRequest().send().then(
      [&timeline](capnp::Response<rpc::Machine::TimelineResults>&& response) {
        DecodeTimeline(response, timeline);
        return absl::OkStatus();
      },
      [](kj::Exception&& exception) { return FromException(exception); });
}

}  // namespace mayfly::api
