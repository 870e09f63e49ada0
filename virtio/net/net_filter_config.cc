#include "virtio/net/net_filter_config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::virtio {
namespace {

constexpr char kSeparator = ':';
constexpr char kTo = '-';

struct ProtocolName {
  EgressProtocol protocol;
  std::string_view name;
};
// None is a group of an IPv6 address, so that colons can separate both.
constexpr std::array<ProtocolName, 4> kProtocolNames = {{{EgressProtocol::kAny, "any"},
                                                         {EgressProtocol::kTcp, "tcp"},
                                                         {EgressProtocol::kUdp, "udp"},
                                                         {EgressProtocol::kIcmp, "icmp"}}};

[[nodiscard]] std::optional<EgressProtocol> ProtocolNamed(std::string_view name) {
  const auto* const found = std::find_if(kProtocolNames.begin(), kProtocolNames.end(),
                                         [&](const auto& entry) { return entry.name == name; });
  if (found == kProtocolNames.end()) return std::nullopt;
  return found->protocol;
}

[[nodiscard]] std::string_view NameOf(EgressProtocol protocol) {
  for (const ProtocolName& entry : kProtocolNames) {
    if (entry.protocol == protocol) return entry.name;
  }
  return {};
}

[[nodiscard]] bool HasPorts(EgressProtocol protocol) {
  return protocol == EgressProtocol::kTcp || protocol == EgressProtocol::kUdp;
}

[[nodiscard]] std::optional<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), port);
  if (error != std::errc() || end != text.end()) return std::nullopt;
  return port;
}

[[nodiscard]] std::optional<PortRange> ParsePorts(std::string_view text) {
  const size_t to = text.find(kTo);
  const std::optional<uint16_t> first = ParsePort(text.substr(0, to));
  const std::optional<uint16_t> last =
      to == std::string_view::npos ? first : ParsePort(text.substr(to + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return PortRange{.first = *first, .last = *last};
}

// A rule's text, taken apart at its protocol.
struct Parts {
  std::string_view destination;
  std::optional<EgressProtocol> protocol;
  std::optional<std::string_view> ports;
};

[[nodiscard]] Parts TakeApart(std::string_view text) {
  for (size_t colon = text.find(kSeparator); colon != std::string_view::npos;
       colon = text.find(kSeparator, colon + 1)) {
    const size_t end = text.find(kSeparator, colon + 1);
    const auto protocol = ProtocolNamed(text.substr(colon + 1, end - colon - 1));
    if (!protocol) continue;
    Parts parts{.destination = text.substr(0, colon), .protocol = protocol, .ports = std::nullopt};
    if (end != std::string_view::npos) parts.ports = text.substr(end + 1);
    return parts;
  }
  return {.destination = text, .protocol = std::nullopt, .ports = std::nullopt};
}

}  // namespace

absl::StatusOr<EgressRule> EgressRule::Parse(std::string_view text) {
  const auto wrong = [text](std::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("the rule \"", ToAbsl(text), "\": ", ToAbsl(why),
                     "; a rule is DESTINATION[:PROTOCOL[:PORTS]], such as 192.0.2.0/24:tcp:443"));
  };
  const Parts parts = TakeApart(text);
  const absl::StatusOr<IpNetwork> destination = IpNetwork::Parse(parts.destination);
  if (!destination.ok()) return wrong(ToStd(destination.status().message()));
  EgressRule rule{.destination = *destination,
                  .protocol = parts.protocol.value_or(EgressProtocol::kAny),
                  .ports = {}};
  if (!parts.ports) return rule;
  if (!HasPorts(rule.protocol)) return wrong("ports are for tcp and udp");
  const std::optional<PortRange> ports = ParsePorts(*parts.ports);
  if (!ports) return wrong("the ports are a number from 0 to 65535, or two with a '-' between");
  rule.ports = *ports;
  return rule;
}

std::string EgressRule::ToString() const {
  std::string text = absl::StrCat(destination.ToString(), ":", ToAbsl(NameOf(protocol)));
  if (!HasPorts(protocol) || ports.IsAll()) return text;
  absl::StrAppend(&text, ":", ports.first);
  if (ports.last != ports.first) absl::StrAppend(&text, "-", ports.last);
  return text;
}

}  // namespace mayfly::virtio
