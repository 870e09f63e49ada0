#include "api/client/machine_client.h"

#include <utility>

#include "api/codec/exit_status_codec.h"
#include "api/codec/machine_stats_codec.h"
#include "api/codec/rate_limits_codec.h"
#include "api/codec/rpc_status.h"
#include "api/codec/timeline_codec.h"

namespace mayfly::api {
namespace {

template <typename Results>
[[nodiscard]] kj::Promise<absl::Status> StatusOf(capnp::RemotePromise<Results> answer) {
  return answer.ignoreResult().then(
      [] { return absl::OkStatus(); },
      [](kj::Exception&& exception) { return FromException(exception); });
}

}  // namespace

MachineClient MachineClient::Launch(rpc::Vmm::Client vmm, MachineSpec spec,
                                    rpc::ByteStream::Client output,
                                    kj::Maybe<rpc::EventListener::Client> listener) {
  auto create = vmm.createRequest();
  EncodeSpec(std::move(spec), create);
  create.setStart(true);
  create.setOutput(std::move(output));
  KJ_IF_MAYBE (given, listener) create.setListener(kj::mv(*given));
  auto created = create.send();
  return Follow(created.getMachine(), created.getInput());
}

MachineClient MachineClient::Follow(rpc::Machine::Client machine, rpc::ByteStream::Client input) {
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

kj::Promise<absl::Status> MachineClient::Pause() {
  return StatusOf(machine_.pauseRequest().send());
}

kj::Promise<absl::Status> MachineClient::Resume() {
  return StatusOf(machine_.resumeRequest().send());
}

kj::Promise<absl::Status> MachineClient::PressPowerButton() {
  return StatusOf(machine_.powerButtonRequest().send());
}

kj::Promise<absl::Status> MachineClient::UpdateDisk(uint32_t disk,
                                                    const virtio::RateLimits& limits) {
  auto request = machine_.updateDiskRequest();
  request.setDisk(disk);
  EncodeRateLimits(limits, request.initLimits());
  return StatusOf(request.send());
}

kj::Promise<absl::Status> MachineClient::UpdateNet(
    uint32_t net, const std::optional<virtio::RateLimits>& transmit,
    const std::optional<virtio::RateLimits>& receive) {
  auto request = machine_.updateNetRequest();
  request.setNet(net);
  if (transmit) EncodeRateLimits(*transmit, request.initTransmit());
  if (receive) EncodeRateLimits(*receive, request.initReceive());
  return StatusOf(request.send());
}

kj::Promise<absl::StatusOr<uint64_t>> MachineClient::ResizeDisk(uint32_t disk) {
  auto request = machine_.resizeDiskRequest();
  request.setDisk(disk);
  return request.send().then(
      [](capnp::Response<rpc::Machine::ResizeDiskResults>&& response) {
        return absl::StatusOr<uint64_t>(response.getBytes());
      },
      [](kj::Exception&& exception) { return absl::StatusOr<uint64_t>(FromException(exception)); });
}

kj::Promise<absl::StatusOr<vmm::MachineStats>> MachineClient::FetchStats() {
  return machine_.statsRequest().send().then(
      [](capnp::Response<rpc::Machine::StatsResults>&& response) {
        return absl::StatusOr<vmm::MachineStats>(DecodeMachineStats(response.getStats()));
      },
      [](kj::Exception&& exception) {
        return absl::StatusOr<vmm::MachineStats>(FromException(exception));
      });
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
