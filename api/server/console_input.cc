#include "api/server/console_input.h"

#include <span>
#include <utility>

namespace mayfly::api {

ConsoleInput::ConsoleInput(kj::Own<HostedMachine> machine)
    : machine_(std::move(machine)), writer_(machine_->input().Admit()) {}

kj::Promise<void> ConsoleInput::write(WriteContext context) {
  const auto bytes = context.getParams().getBytes();
  return machine_->input().Write(writer_, std::as_bytes(std::span(bytes.begin(), bytes.size())));
}

kj::Promise<void> ConsoleInput::end(EndContext) { return kj::READY_NOW; }

}  // namespace mayfly::api
