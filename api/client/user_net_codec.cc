#include "api/client/user_net_codec.h"

#include "absl/strings/str_cat.h"
#include "api/codec/file_arrivals.h"

namespace mayfly::api {
namespace {

// Each is a word of passt's command line.
constexpr capnp::uint kMostForwards = 1024;

}  // namespace

absl::StatusOr<std::vector<PasstForward>> DecodeForwards(const std::string& field,
                                                         rpc::UserNet::Reader reader) {
  const capnp::uint count = reader.getForwards().size();
  if (count > kMostForwards) {
    return BadField(field,
                    absl::StrCat("there are ", count, "; at most ", kMostForwards, " are taken"));
  }
  std::vector<PasstForward> forwards;
  for (const auto forward : reader.getForwards()) {
    const std::string at = absl::StrCat(field, "[", forwards.size(), "]");
    PasstForward& into = forwards.emplace_back();
    if (forward.getProtocol() == rpc::IpProtocol::UDP) {
      into.protocol = PasstForward::Protocol::kUdp;
    } else if (forward.getProtocol() != rpc::IpProtocol::TCP) {
      return BadField(at + ".protocol", "give tcp or udp");
    }
    if (forward.getHost() == 0) return BadField(at + ".host", "give a port from 1 to 65535");
    into.host = forward.getHost();
    into.guest = forward.getGuest() == 0 ? forward.getHost() : forward.getGuest();
  }
  return forwards;
}

void EncodeForwards(const std::vector<PasstForward>& forwards, rpc::UserNet::Builder builder) {
  auto list = builder.initForwards(static_cast<capnp::uint>(forwards.size()));
  capnp::uint position = 0;
  for (const PasstForward& forward : forwards) {
    auto entry = list[position++];
    entry.setProtocol(forward.protocol == PasstForward::Protocol::kUdp ? rpc::IpProtocol::UDP
                                                                       : rpc::IpProtocol::TCP);
    entry.setHost(forward.host);
    entry.setGuest(forward.guest);
  }
}

}  // namespace mayfly::api
