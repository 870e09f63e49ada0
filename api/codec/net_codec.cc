#include "api/codec/net_codec.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "api/codec/fd_file.h"
#include "api/codec/net_filter_codec.h"
#include "api/codec/rate_limits_codec.h"
#include "api/codec/text.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

// --- To the wire.

void EncodeTap(vmm::TapNet tap, rpc::Net::Backend::Builder builder) {
  auto list = builder.initTap(static_cast<capnp::uint>(tap.queues.size()));
  capnp::uint position = 0;
  for (OwnedFd& queue : tap.queues) list.set(position++, kj::heap<FdFile>(std::move(queue)));
}

void EncodeBackend(vmm::NetConfig& net, rpc::Net::Backend::Builder builder) {
  if (auto* const tap = std::get_if<vmm::TapNet>(&net.backend); tap != nullptr) {
    EncodeTap(std::move(*tap), builder);
  } else if (auto* const passt = std::get_if<vmm::PasstNet>(&net.backend); passt != nullptr) {
    builder.setPasst(kj::heap<FdFile>(std::move(passt->socket)));
  } else {
    builder.setNone();
  }
}

// --- From the wire.

// More has no use (a queue pair each for as many vCPUs), and the descriptors go into one message.
constexpr capnp::uint kMaxTapQueues = 64;
// The least that IPv4 asks of a link (RFC 791, 3.2; virtio 1.2, 5.1.4.1 asks for it, too).
constexpr uint16_t kMinMtu = 68;

[[nodiscard]] absl::Status DecodeTap(const std::string& field, capnp::List<rpc::File>::Reader list,
                                     vmm::TapNet& tap, FileArrivals& arrivals) {
  if (list.size() == 0) return BadField(field, "no file is given; send one for each queue pair");
  if (list.size() > kMaxTapQueues) {
    return BadField(field,
                    absl::StrCat(list.size(), " are too many; send at most ", kMaxTapQueues));
  }
  tap.queues.resize(list.size());  // once: `arrivals` point into it
  for (capnp::uint index = 0; index < list.size(); ++index) {
    arrivals.Expect(absl::StrCat(field, "[", index, "]"), list[index], tap.queues[index]);
  }
  return absl::OkStatus();
}

[[nodiscard]] absl::Status DecodeBackend(const std::string& field, rpc::Net::Backend::Reader reader,
                                         vmm::NetConfig& net, FileArrivals& arrivals) {
  switch (reader.which()) {
    case rpc::Net::Backend::NONE:
      net.backend = vmm::NoNet();
      return absl::OkStatus();
    case rpc::Net::Backend::TAP:
      return DecodeTap(field + ".tap", reader.getTap(), net.backend.emplace<vmm::TapNet>(),
                       arrivals);
    case rpc::Net::Backend::PASST:
      if (!reader.hasPasst()) return BadField(field + ".passt", "no socket is given");
      arrivals.Expect(field + ".passt", reader.getPasst(),
                      net.backend.emplace<vmm::PasstNet>().socket);
      return absl::OkStatus();
    case rpc::Net::Backend::TAP_NAMED:
    case rpc::Net::Backend::USER:
      return BadField(field, "a VMM opens nothing itself; send files, as tap or passt");
  }
  return BadField(field, "this VMM does not know such a one");
}

[[nodiscard]] absl::Status DecodeMac(const std::string& field, capnp::Data::Reader bytes,
                                     std::optional<virtio::MacAddress>& into) {
  if (bytes.size() == 0) return absl::OkStatus();
  virtio::MacAddress mac;
  if (bytes.size() != mac.bytes.size()) {
    return BadField(field, absl::StrCat("it has ", bytes.size(), " bytes; a MAC address has 6"));
  }
  std::copy(bytes.begin(), bytes.end(), mac.bytes.begin());
  if (!mac.IsStation()) {
    return BadField(field, absl::StrCat(mac.ToString(),
                                        " is no station's address; it must not be zero, and its "
                                        "first byte must be even"));
  }
  into = mac;
  return absl::OkStatus();
}

}  // namespace

void EncodeNet(vmm::NetConfig net, rpc::Net::Builder builder) {
  builder.setName(ToText(net.name));
  EncodeBackend(net, builder.getBackend());
  if (net.mac) builder.setMac(kj::arrayPtr(net.mac->bytes.data(), net.mac->bytes.size()));
  builder.setMtu(net.mtu);
  builder.setQueuePairs(net.queue_pairs);
  if (!net.addresses.empty() || net.egress) EncodeNetFilter(net, builder.initFilter());
  if (net.transmit != virtio::RateLimits()) EncodeRateLimits(net.transmit, builder.initTransmit());
  if (net.receive != virtio::RateLimits()) EncodeRateLimits(net.receive, builder.initReceive());
}

absl::Status DecodeNet(const std::string& field, rpc::Net::Reader reader, vmm::NetConfig& net,
                       FileArrivals& arrivals) {
  net.name = reader.hasName() ? FromText(reader.getName()) : field;
  MAYFLY_RETURN_IF_ERROR(DecodeBackend(field + ".backend", reader.getBackend(), net, arrivals));
  MAYFLY_RETURN_IF_ERROR(DecodeMac(field + ".mac", reader.getMac(), net.mac));
  net.mtu = reader.getMtu();
  if (net.mtu != 0 && net.mtu < kMinMtu) {
    return BadField(field + ".mtu", absl::StrCat(net.mtu, " bytes are less than IP needs; give ",
                                                 kMinMtu, " or more, or 0 for none"));
  }
  net.queue_pairs = reader.getQueuePairs();
  if (net.queue_pairs == 0) {
    return BadField(field + ".queuePairs", "a network device needs at least 1");
  }
  MAYFLY_RETURN_IF_ERROR(DecodeNetFilter(field + ".filter", reader.getFilter(), net));
  net.transmit = DecodeRateLimits(reader.getTransmit());
  net.receive = DecodeRateLimits(reader.getReceive());
  return absl::OkStatus();
}

}  // namespace mayfly::api
