// A filter before frames that are as the input says. What passes is looked at again, more simply:
// the fields that a policy is about, at their places in a frame. More of a frame never makes worse
// what less of it was enough for.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/testing/byte_source.h"
#include "base/testing/fuzz_target.h"
#include "virtio/net/filter/net_bytes.h"
#include "virtio/net/filter/net_filter.h"
#include "virtio/protocol/net_protocol.h"

namespace mayfly::virtio {
namespace {

using Verdict = NetFilter::Verdict;

constexpr MacAddress kMac{{0x02, 0, 0, 0, 0, 1}};
constexpr size_t kSourceMac = 6;

[[nodiscard]] IpNetwork Network(std::string_view text) {
  const auto network = IpNetwork::Parse(text);
  if (!network.ok()) __builtin_trap();
  return *network;
}

[[nodiscard]] NetFilterConfig MakeConfig(uint8_t kind) {
  constexpr unsigned kAddresses = 1;
  constexpr unsigned kEgress = 2;
  NetFilterConfig config{.mac = kMac, .addresses = {}, .egress = std::nullopt};
  if ((kind & kAddresses) != 0) {
    config.addresses = {Network("10.0.0.0/31"), Network("fd00::/127")};
  }
  if ((kind & kEgress) != 0) {
    config.egress = {
        {.destination = Network("10.0.0.0/8"),
         .protocol = EgressProtocol::kTcp,
         .ports = {.first = 0, .last = 0x7fff}},
        {.destination = Network("fd00::/8"),
         .protocol = EgressProtocol::kUdp,
         .ports = {.first = 0, .last = 0x7fff}},
        {.destination = Network("11.0.0.0/8"), .protocol = EgressProtocol::kAny, .ports = {}},
        {.destination = Network("fd01::/16"), .protocol = EgressProtocol::kAny, .ports = {}}};
  }
  return config;
}

class Fuzz final {
 public:
  explicit Fuzz(ByteSource input) : filter_(MakeConfig(input.Take<uint8_t>())) {
    const bool own_mac = input.TakeBelow(8) != 0;
    cut_ = input.Take<uint8_t>();
    const auto behind = input.Take<uint16_t>();  // of the frame, beyond what is given
    const auto bytes = std::as_bytes(input.TakeBytes(2 * NetFilter::kHeadBytes));
    frame_.assign(bytes.begin(), bytes.end());
    if (own_mac && frame_.size() >= kEthernetHeaderSize) {
      const auto mac = std::as_bytes(std::span(kMac.bytes));
      std::copy(mac.begin(), mac.end(), frame_.begin() + kSourceMac);
    }
    frame_bytes_ = frame_.size();
    if (frame_.size() >= NetFilter::kHeadBytes) {
      frame_.resize(NetFilter::kHeadBytes);
      frame_bytes_ += behind;
    }
    cut_ = std::min(cut_, frame_.size());
  }

  void Run() {
    const Verdict verdict = filter_.CheckOutgoing(frame_, frame_bytes_);
    if (filter_.dropped() != (verdict == Verdict::kPass ? 0 : 1)) __builtin_trap();
    if (verdict == Verdict::kPass) LookAgain();
    // A copy that ends earlier: nothing beyond it is read (the sanitizer sees to that).
    const std::vector<std::byte> part(frame_.begin(),
                                      frame_.begin() + static_cast<ptrdiff_t>(cut_));
    const Verdict early = filter_.CheckOutgoing(part, frame_bytes_);
    if (early == Verdict::kPass && verdict != Verdict::kPass) __builtin_trap();
  }

 private:
  [[nodiscard]] IpAddress AddressAtOffset(size_t offset, IpFamily family) const {
    return AddressAt(std::span(frame_).subspan(kEthernetHeaderSize), offset, family);
  }

  void LookAgain() const {
    const auto mac = std::as_bytes(std::span(kMac.bytes));
    if (!std::equal(mac.begin(), mac.end(), frame_.begin() + kSourceMac)) __builtin_trap();
    const NetFilterConfig& config = filter_.config();
    if (config.addresses.empty() && !config.egress) return;
    switch (static_cast<EtherType>(Word(frame_, kEtherTypeOffset))) {
      case EtherType::kArp:
        return LookAt(AddressAtOffset(14, IpFamily::kV4), std::nullopt);
      case EtherType::kIpv4:
        return LookAt(AddressAtOffset(12, IpFamily::kV4), AddressAtOffset(16, IpFamily::kV4));
      case EtherType::kIpv6:
        return LookAt(AddressAtOffset(8, IpFamily::kV6), AddressAtOffset(24, IpFamily::kV6));
      default:
        __builtin_trap();
    }
  }

  void LookAt(const IpAddress& source, const std::optional<IpAddress>& destination) const {
    const NetFilterConfig& config = filter_.config();
    const bool own =
        source.IsUnspecified() || source == *IpAddress::Parse("fe80::ff:fe00:1") ||
        std::any_of(config.addresses.begin(), config.addresses.end(),
                    [&](const IpNetwork& network) { return network.Contains(source); });
    if (!config.addresses.empty() && !own) __builtin_trap();
    if (!config.egress || !destination) return;
    const bool link = destination->IsMulticast() ||
                      *destination == *IpAddress::Parse("255.255.255.255") ||
                      Network("fe80::/10").Contains(*destination);
    if (!link &&
        std::none_of(config.egress->begin(), config.egress->end(), [&](const EgressRule& rule) {
          return rule.destination.Contains(*destination);
        })) {
      __builtin_trap();
    }
  }

  NetFilter filter_;
  std::vector<std::byte> frame_;
  uint64_t frame_bytes_ = 0;
  size_t cut_ = 0;
};

}  // namespace
}  // namespace mayfly::virtio

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mayfly::virtio::Fuzz(mayfly::ByteSource(data, size)).Run();
  return 0;
}
