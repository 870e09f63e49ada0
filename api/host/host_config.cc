#include "api/host/host_config.h"

#include <capnp/compat/json.h>
#include <capnp/dynamic.h>
#include <grp.h>

#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "api/cli/spec/message_file.h"
#include "api/client/host_connection.h"
#include "api/codec/file_arrivals.h"
#include "api/codec/text.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

constexpr uint32_t kMostEvents = 1'000'000;
constexpr mode_t kMostPermissions = 0777;
constexpr size_t kGroupBytes = 65536;

[[nodiscard]] absl::StatusOr<mode_t> DecodeMode(const std::string& text) {
  mode_t mode = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, mode, 8);
  if (error == std::errc() && rest == end && mode <= kMostPermissions) return mode;
  return BadField("socketMode",
                  absl::StrCat("\"", text, "\" is none in octal, such as 0600, 0660 or 0666"));
}

[[nodiscard]] absl::StatusOr<std::optional<gid_t>> DecodeGroup(const std::string& name) {
  if (name.empty()) return std::nullopt;
  gid_t number = 0;
  if (absl::SimpleAtoi(name, &number)) return std::optional(number);
  std::array<char, kGroupBytes> buffer{};
  group entry{};
  group* found = nullptr;
  const int error = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr) return std::optional(found->gr_gid);
  if (error != 0) {
    return Annotate(ErrnoStatus(absl::StrCat("looking for the group ", name), error),
                    "socketGroup");
  }
  return BadField("socketGroup", absl::StrCat("there is no group \"", name, "\""));
}

// What a text may leave out is there, for those who look at it.
void ShowAll(rpc::HostConfig::Builder config) {
  if (config.getSocket().size() == 0) config.setSocket(DefaultHostSocket().c_str());
  if (!config.hasSocketMode()) config.setSocketMode(config.asReader().getSocketMode());
  if (!config.hasSocketGroup()) config.setSocketGroup("");
  if (!config.hasCgroupParent()) config.setCgroupParent("");
  if (!config.hasMetrics()) config.setMetrics("");
  (void)config.getTotal();
  (void)config.getEachUser();
  (void)config.getEachConnection();
}

[[nodiscard]] absl::Status Check(rpc::HostConfig::Reader config) {
  if (config.getSocket().size() == 0) {
    return BadField("socket", "none is given, and $XDG_RUNTIME_DIR is not set");
  }
  if (config.getConnections() == 0) return BadField("connections", "at least one is needed");
  if (config.getConnectionsEachUser() == 0) {
    return BadField("connectionsEachUser", "at least one is needed");
  }
  if (config.getCallKilobytesEachConnection() == 0) {
    return BadField("callKilobytesEachConnection", "at least one is needed");
  }
  if (config.getEventsKept() == 0 || config.getEventsKept() > kMostEvents) {
    return BadField("eventsKept",
                    absl::StrCat(config.getEventsKept(), " is not within 1 and ", kMostEvents));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<HostConfigFile> HostConfigFile::Load(const std::string& path,
                                                    const std::string& socket) {
  HostConfigFile file(kj::heap<capnp::MallocMessageBuilder>());
  auto config = file.message_->initRoot<rpc::HostConfig>();
  if (!path.empty()) {
    MAYFLY_RETURN_IF_ERROR(
        cli::ReadMessageFile("configuration", path, capnp::DynamicStruct::Builder(config)));
  }
  if (!socket.empty()) config.setSocket(ToText(socket));
  ShowAll(config);
  const auto fail = [&](const absl::Status& status) {
    return path.empty() ? status : Annotate(status, path);
  };
  if (const absl::Status status = Check(config); !status.ok()) return fail(status);
  const auto mode = DecodeMode(FromText(config.asReader().getSocketMode()));
  if (!mode.ok()) return fail(mode.status());
  const auto group = DecodeGroup(FromText(config.asReader().getSocketGroup()));
  if (!group.ok()) return fail(group.status());
  file.access_ = {.mode = *mode, .group = *group};
  return file;
}

std::string HostConfigFile::Text() const {
  capnp::JsonCodec codec;
  codec.setPrettyPrint(true);
  const kj::String text = codec.encode(capnp::DynamicStruct::Reader(config()));
  return std::string(text.cStr(), text.size()) + "\n";
}

}  // namespace mayfly::api
