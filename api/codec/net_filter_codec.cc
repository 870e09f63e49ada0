#include "api/codec/net_filter_codec.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "api/codec/file_arrivals.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

using virtio::EgressProtocol;
using virtio::EgressRule;
using virtio::IpAddress;
using virtio::IpFamily;
using virtio::IpNetwork;

// --- To the wire.

[[nodiscard]] rpc::IpProtocol EncodeProtocol(EgressProtocol protocol) {
  switch (protocol) {
    case EgressProtocol::kAny:
      return rpc::IpProtocol::ANY;
    case EgressProtocol::kTcp:
      return rpc::IpProtocol::TCP;
    case EgressProtocol::kUdp:
      return rpc::IpProtocol::UDP;
    case EgressProtocol::kIcmp:
      return rpc::IpProtocol::ICMP;
  }
  return rpc::IpProtocol::ANY;
}

// --- From the wire.

// Each frame is held against all of them.
constexpr capnp::uint kMaxRules = 1024;

[[nodiscard]] absl::StatusOr<IpAddress> DecodeAddress(const std::string& field,
                                                      capnp::Data::Reader bytes) {
  if (bytes.size() == IpAddress::kV4Size) {
    IpAddress::V4Bytes copy{};
    std::copy(bytes.begin(), bytes.end(), copy.begin());
    return IpAddress(copy);
  }
  if (bytes.size() == IpAddress::kV6Size) {
    IpAddress::V6Bytes copy{};
    std::copy(bytes.begin(), bytes.end(), copy.begin());
    return IpAddress(copy);
  }
  return BadField(field, absl::StrCat("it has ", bytes.size(),
                                      " bytes; an IPv4 address has 4, an IPv6 address 16"));
}

[[nodiscard]] absl::Status DecodeProtocol(const std::string& field, rpc::IpProtocol protocol,
                                          EgressProtocol& into) {
  switch (protocol) {
    case rpc::IpProtocol::ANY:
      into = EgressProtocol::kAny;
      return absl::OkStatus();
    case rpc::IpProtocol::TCP:
      into = EgressProtocol::kTcp;
      return absl::OkStatus();
    case rpc::IpProtocol::UDP:
      into = EgressProtocol::kUdp;
      return absl::OkStatus();
    case rpc::IpProtocol::ICMP:
      into = EgressProtocol::kIcmp;
      return absl::OkStatus();
  }
  return BadField(field, "this VMM does not know it");
}

[[nodiscard]] absl::StatusOr<EgressRule> DecodeRule(const std::string& field,
                                                    rpc::EgressRule::Reader reader) {
  EgressRule rule;
  MAYFLY_ASSIGN_OR_RETURN(rule.destination,
                          DecodePrefix(field + ".destination", reader.getDestination()));
  MAYFLY_RETURN_IF_ERROR(DecodeProtocol(field + ".protocol", reader.getProtocol(), rule.protocol));
  rule.ports = {.first = reader.getFirstPort(), .last = reader.getLastPort()};
  if (rule.ports.first > rule.ports.last) {
    return BadField(field + ".lastPort",
                    absl::StrCat(rule.ports.last, " is before the first port, ", rule.ports.first));
  }
  const bool has_ports =
      rule.protocol == EgressProtocol::kTcp || rule.protocol == EgressProtocol::kUdp;
  if (!has_ports && !rule.ports.IsAll()) {
    return BadField(field + ".firstPort", "only tcp and udp have ports");
  }
  return rule;
}

}  // namespace

void EncodePrefix(const IpNetwork& network, rpc::IpPrefix::Builder builder) {
  const size_t size = network.family() == IpFamily::kV4 ? IpAddress::kV4Size : IpAddress::kV6Size;
  builder.setAddress(kj::arrayPtr(network.base().bytes().data(), size));
  builder.setPrefixLength(static_cast<uint8_t>(network.prefix_length()));
}

absl::StatusOr<IpNetwork> DecodePrefix(const std::string& field, rpc::IpPrefix::Reader reader) {
  MAYFLY_ASSIGN_OR_RETURN(const IpAddress base,
                          DecodeAddress(field + ".address", reader.getAddress()));
  absl::StatusOr<IpNetwork> network = IpNetwork::Create(base, reader.getPrefixLength());
  if (!network.ok()) return Annotate(network.status(), field);
  return network;
}

void EncodeNetFilter(const vmm::NetConfig& net, rpc::NetFilter::Builder builder) {
  capnp::uint position = 0;
  auto addresses = builder.initAddresses(static_cast<capnp::uint>(net.addresses.size()));
  for (const IpNetwork& address : net.addresses) EncodePrefix(address, addresses[position++]);
  if (!net.egress) return;
  position = 0;
  auto rules = builder.initEgress(static_cast<capnp::uint>(net.egress->size()));
  for (const EgressRule& rule : *net.egress) {
    auto entry = rules[position++];
    EncodePrefix(rule.destination, entry.initDestination());
    entry.setProtocol(EncodeProtocol(rule.protocol));
    entry.setFirstPort(rule.ports.first);
    entry.setLastPort(rule.ports.last);
  }
}

absl::Status DecodeNetFilter(const std::string& field, rpc::NetFilter::Reader reader,
                             vmm::NetConfig& net) {
  const auto addresses = reader.getAddresses();
  const auto rules = reader.getEgress();
  if (addresses.size() > kMaxRules || rules.size() > kMaxRules) {
    return BadField(field, absl::StrCat("it has more than ", kMaxRules,
                                        " addresses or rules; combine them into prefixes"));
  }
  for (capnp::uint index = 0; index < addresses.size(); ++index) {
    MAYFLY_ASSIGN_OR_RETURN(
        IpNetwork network,
        DecodePrefix(absl::StrCat(field, ".addresses[", index, "]"), addresses[index]));
    net.addresses.push_back(network);
  }
  if (!reader.hasEgress()) return absl::OkStatus();
  net.egress.emplace();
  for (capnp::uint index = 0; index < rules.size(); ++index) {
    MAYFLY_ASSIGN_OR_RETURN(EgressRule rule,
                            DecodeRule(absl::StrCat(field, ".egress[", index, "]"), rules[index]));
    net.egress->push_back(rule);
  }
  return absl::OkStatus();
}

}  // namespace mayfly::api
