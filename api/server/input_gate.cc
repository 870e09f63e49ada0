#include "api/server/input_gate.h"

#include "absl/status/status.h"
#include "api/codec/rpc_status.h"

namespace mayfly::api {
namespace {

[[nodiscard]] kj::Exception GateShut() {
  return ToException(
      absl::FailedPreconditionError("console: another client has taken the console over"));
}

}  // namespace

InputGate::Writer InputGate::Admit() {
  waiting_.cancel(GateShut());
  return ++admitted_;
}

kj::Promise<void> InputGate::Write(Writer writer, std::span<const std::byte> bytes) {
  if (writer != admitted_) return GateShut();
  console_.input_room().Drain();
  const auto rest = bytes.subspan(console_.WriteInput(bytes));
  if (rest.empty()) return kj::READY_NOW;
  if (!room_) {
    room_.emplace(port_, console_.input_room().fd(), kj::UnixEventPort::FdObserver::OBSERVE_READ);
  }
  return waiting_.wrap(room_->whenBecomesReadable()).then([this, writer, rest] {
    return Write(writer, rest);
  });
}

}  // namespace mayfly::api
