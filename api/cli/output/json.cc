#include "api/cli/output/json.h"

#include <capnp/compat/json.h>

#include <algorithm>

#include "absl/status/statusor.h"
#include "api/codec/net_filter_codec.h"
#include "api/codec/text.h"
#include "api/codec/utf8.h"
#include "api/mayfly.capnp.h"
#include "virtio/net/ip_network.h"
#include "virtio/net/mac_address.h"

namespace mayfly::cli {
namespace {

using JsonBuilder = capnp::JsonValue::Builder;
using JsonReader = capnp::JsonValue::Reader;

class PrefixHandler final : public capnp::JsonCodec::Handler<rpc::IpPrefix> {
 public:
  void encode(const capnp::JsonCodec& /*codec*/, rpc::IpPrefix::Reader input,
              JsonBuilder output) const override {
    const auto network = api::DecodePrefix("", input);
    output.setString(api::ToText(network.ok() ? network->ToString() : std::string()));
  }
  void decode(const capnp::JsonCodec& /*codec*/, JsonReader /*input*/,
              rpc::IpPrefix::Builder /*output*/) const override {
    KJ_UNIMPLEMENTED("only for output");
  }
};

class MacHandler final : public capnp::JsonCodec::Handler<capnp::Data> {
 public:
  void encode(const capnp::JsonCodec& /*codec*/, capnp::Data::Reader input,
              JsonBuilder output) const override {
    virtio::MacAddress mac;
    if (input.size() == mac.bytes.size()) {
      std::copy(input.begin(), input.end(), mac.bytes.begin());
      output.setString(api::ToText(mac.ToString()));
    }
  }
  capnp::Orphan<capnp::Data> decode(const capnp::JsonCodec& /*codec*/, JsonReader /*input*/,
                                    capnp::Orphanage /*orphanage*/) const override {
    KJ_UNIMPLEMENTED("only for output");
  }
};

[[nodiscard]] std::string Encode(capnp::DynamicStruct::Reader message, bool pretty) {
  PrefixHandler prefixes;
  MacHandler macs;
  capnp::JsonCodec codec;
  codec.setPrettyPrint(pretty);
  codec.addTypeHandler(prefixes);
  codec.addFieldHandler(capnp::Schema::from<rpc::Net>().getFieldByName("mac"), macs);
  codec.addFieldHandler(capnp::Schema::from<rpc::NetStats>().getFieldByName("mac"), macs);
  const kj::String text = codec.encode(message);
  // Names of files, labels and what guests cause to be said may be anything.
  return api::ValidUtf8({text.cStr(), text.size()}) + "\n";
}

}  // namespace

std::string ToJson(capnp::DynamicStruct::Reader message) { return Encode(message, true); }
std::string ToJsonLine(capnp::DynamicStruct::Reader message) { return Encode(message, false); }

}  // namespace mayfly::cli
