#include "api/cli/host/host_client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "api/codec/text.h"
#include "base/status.h"

namespace mayfly::cli {

absl::StatusOr<kj::Own<HostClient>> HostClient::Connect(const HostChoice& choice) {
  if (choice.path.empty()) {
    return absl::InvalidArgumentError(
        "which host service? Give its socket with --host or $MAYFLY_HOST");
  }
  auto client = kj::heap<HostClient>(choice.path);
  MAYFLY_ASSIGN_OR_RETURN(client->connection_, api::HostConnection::Open(client->io_, choice.path));
  return client;
}

absl::Status HostClient::Explain(const kj::Exception& exception) {
  const bool is_lost =
      exception.getType() == kj::Exception::Type::DISCONNECTED && WhenLost().poll(io_.waitScope);
  if (!is_lost) return api::FromException(exception);
  return absl::UnavailableError(
      absl::StrCat("the connection to the host service at ", path_,
                   " was lost; see whether mayflyd runs, and what it said"));
}

void HostClient::Pause(Nanoseconds time) {
  io_.provider->getTimer().afterDelay(time.count() * kj::NANOSECONDS).wait(io_.waitScope);
}

absl::StatusOr<rpc::Machine::Client> HostClient::Get(const std::string& name) {
  auto request = host().getRequest();
  request.setName(api::ToText(name));
  auto response = Await(request.send());
  if (!response.ok()) return Annotate(response.status(), name);
  return response->getMachine();
}

absl::StatusOr<capnp::Response<rpc::Host::ListResults>> HostClient::List(
    std::span<const LabelOption> labels) {
  auto request = host().listRequest();
  auto list = request.initLabels(static_cast<capnp::uint>(labels.size()));
  capnp::uint position = 0;
  for (const LabelOption& label : labels) {
    auto entry = list[position++];
    entry.setName(api::ToText(label.name));
    entry.setValue(api::ToText(label.value));
  }
  return Await(request.send());
}

}  // namespace mayfly::cli
