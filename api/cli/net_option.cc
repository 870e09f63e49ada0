#include "api/cli/net_option.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/cli/option_words.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

constexpr std::string_view kOption = "--net";
constexpr uint64_t kMinMtu = 68;  // RFC 791, 3.2
constexpr uint64_t kMaxMtu = std::numeric_limits<uint16_t>::max();
constexpr uint64_t kMaxPort = std::numeric_limits<uint16_t>::max();
constexpr char kBetweenPorts = ':';
constexpr std::array<std::string_view, 11> kKeys = {"mac",    "mtu",     "queues", "address",
                                                    "allow",  "forward", "fd",     "tx-pps",
                                                    "tx-bps", "rx-pps",  "rx-bps"};

[[nodiscard]] absl::StatusOr<uint16_t> ParseSmall(std::string_view text, uint64_t least,
                                                  uint64_t most) {
  MAYFLY_ASSIGN_OR_RETURN(const uint64_t number, ParseNumber(text, least, most));
  return static_cast<uint16_t>(number);
}

[[nodiscard]] absl::Status ApplyMac(std::string_view text, NetOption& net) {
  MAYFLY_ASSIGN_OR_RETURN(const virtio::MacAddress mac, virtio::MacAddress::Parse(text));
  if (!mac.IsStation()) {
    return absl::InvalidArgumentError(
        absl::StrCat(mac.ToString(),
                     " is no station's address; it must not be zero, and its first byte must be "
                     "even, as in 02:00:00:00:00:01"));
  }
  net.mac = mac;
  return absl::OkStatus();
}

// [tcp:|udp:]HOST[:GUEST]
[[nodiscard]] absl::Status ApplyForward(std::string_view text, NetOption& net) {
  api::PasstForward forward;
  constexpr std::string_view kTcp = "tcp:";
  constexpr std::string_view kUdp = "udp:";
  if (text.starts_with(kUdp)) {
    forward.protocol = api::PasstForward::Protocol::kUdp;
    text.remove_prefix(kUdp.size());
  } else if (text.starts_with(kTcp)) {
    text.remove_prefix(kTcp.size());
  }
  const size_t colon = text.find(kBetweenPorts);
  MAYFLY_ASSIGN_OR_RETURN(forward.host, ParseSmall(text.substr(0, colon), 1, kMaxPort));
  forward.guest = forward.host;
  if (colon != std::string_view::npos) {
    MAYFLY_ASSIGN_OR_RETURN(forward.guest, ParseSmall(text.substr(colon + 1), 1, kMaxPort));
  }
  net.forwards.push_back(forward);
  return absl::OkStatus();
}

// "none" allows nothing by itself.
[[nodiscard]] absl::Status ApplyAllow(std::string_view text, NetOption& net) {
  if (!net.egress) net.egress.emplace();
  if (text == "none") return absl::OkStatus();
  MAYFLY_ASSIGN_OR_RETURN(virtio::EgressRule rule, virtio::EgressRule::Parse(text));
  net.egress->push_back(rule);
  return absl::OkStatus();
}

[[nodiscard]] absl::Status ApplyAddress(std::string_view text, NetOption& net) {
  MAYFLY_ASSIGN_OR_RETURN(const virtio::IpNetwork network, virtio::IpNetwork::Parse(text));
  net.addresses.push_back(network);
  return absl::OkStatus();
}

[[nodiscard]] absl::Status ApplyFd(std::string_view text, NetOption& net) {
  MAYFLY_ASSIGN_OR_RETURN(const uint64_t fd, ParseNumber(text, 0, std::numeric_limits<int>::max()));
  net.fds.push_back(static_cast<int>(fd));
  return absl::OkStatus();
}

[[nodiscard]] absl::Status ApplyRate(std::string_view text, RateUnit unit,
                                     virtio::RateLimit& limit) {
  MAYFLY_ASSIGN_OR_RETURN(limit, ParseRate(text, unit));
  return absl::OkStatus();
}

[[nodiscard]] absl::Status ApplyKey(std::string_view key, std::string_view value, NetOption& net) {
  if (key == "mac") return ApplyMac(value, net);
  if (key == "address") return ApplyAddress(value, net);
  if (key == "allow") return ApplyAllow(value, net);
  if (key == "forward") return ApplyForward(value, net);
  if (key == "fd") return ApplyFd(value, net);
  if (key == "tx-pps") return ApplyRate(value, RateUnit::kOperations, net.transmit.operations);
  if (key == "tx-bps") return ApplyRate(value, RateUnit::kBytes, net.transmit.bytes);
  if (key == "rx-pps") return ApplyRate(value, RateUnit::kOperations, net.receive.operations);
  if (key == "rx-bps") return ApplyRate(value, RateUnit::kBytes, net.receive.bytes);
  if (key == "mtu") {
    MAYFLY_ASSIGN_OR_RETURN(net.mtu, ParseSmall(value, kMinMtu, kMaxMtu));
    return absl::OkStatus();
  }
  MAYFLY_ASSIGN_OR_RETURN(net.queue_pairs, ParseSmall(value, 1, kMaxQueuePairs));
  return absl::OkStatus();
}

[[nodiscard]] absl::Status Apply(std::string_view text, NetOption& net) {
  const OptionWord word = SplitWord(text);
  if (std::find(kKeys.begin(), kKeys.end(), word.key) == kKeys.end()) {
    return BadOption(kOption, absl::StrCat("\"", ToAbsl(word.key),
                                           "\" is none of its options, which are mac, mtu, queues, "
                                           "address, allow, forward, tx-pps, tx-bps, rx-pps and "
                                           "rx-bps"));
  }
  const absl::Status status = word.value ? ApplyKey(word.key, *word.value, net)
                                         : absl::InvalidArgumentError("a value is missing");
  return Annotate(status, absl::StrCat(ToAbsl(kOption), ": ", ToAbsl(word.key)));
}

[[nodiscard]] absl::Status ApplyBackend(std::string_view text, NetOption& net) {
  const OptionWord word = SplitWord(text);
  if (word.key == "none" && !word.value) {
    net.backend = NetOption::Backend::kNone;
  } else if (word.key == "user" && !word.value) {
    net.backend = NetOption::Backend::kUser;
  } else if (word.key == "tap" && word.value && !word.value->empty()) {
    net.backend = NetOption::Backend::kTap;
    net.tap = *word.value;
  } else if (word.key == "fd" && word.value) {
    net.backend = NetOption::Backend::kFd;
    return Annotate(ApplyFd(*word.value, net), absl::StrCat(ToAbsl(kOption), ": fd"));
  } else {
    return BadOption(kOption, absl::StrCat("\"", ToAbsl(text),
                                           "\" is no way to the network; begin with none, "
                                           "tap=NAME, fd=N or user"));
  }
  return absl::OkStatus();
}

// What no word says by itself.
[[nodiscard]] absl::Status Complete(NetOption& net) {
  using Backend = NetOption::Backend;
  if (!net.forwards.empty() && net.backend != Backend::kUser) {
    return BadOption(kOption, "forward: only \"user\" forwards ports");
  }
  if (!net.fds.empty() && net.backend != Backend::kFd) {
    return BadOption(kOption, "fd: further ones belong to --net fd=N only");
  }
  if (net.queue_pairs > 1 && net.backend != Backend::kTap) {
    return BadOption(kOption, net.backend == Backend::kFd
                                  ? "queues: give an fd for each instead, as in fd=3,fd=4"
                                  : "queues: only a tap has more than one");
  }
  if (net.backend == Backend::kFd) net.queue_pairs = static_cast<uint16_t>(net.fds.size());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NetOption> ParseNetOption(std::string_view text) {
  const std::vector<std::string_view> words = SplitWords(text);
  NetOption net;
  MAYFLY_RETURN_IF_ERROR(ApplyBackend(words.front(), net));
  for (size_t i = 1; i < words.size(); ++i) MAYFLY_RETURN_IF_ERROR(Apply(words[i], net));
  MAYFLY_RETURN_IF_ERROR(Complete(net));
  return net;
}

}  // namespace mayfly::cli
