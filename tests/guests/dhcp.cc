// Asks the first network for an address, as a DHCP client does (RFC 2131), and ends when one is
// offered: "offered 192.0.2.2 by 192.0.2.1".

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "images/unikernel/console.h"
#include "images/unikernel/net.h"

namespace {

using namespace mayfly::guest;

constexpr uint32_t kTransaction = 0x4d794679;
constexpr uint8_t kRequest = 1;  // BOOTP's operations
constexpr uint8_t kReply = 2;
constexpr uint16_t kServerPort = 67;
constexpr uint16_t kClientPort = 68;

constexpr uint16_t Big(uint16_t value) { return __builtin_bswap16(value); }
constexpr uint32_t Big(uint32_t value) { return __builtin_bswap32(value); }

using Ipv4 = std::array<uint8_t, 4>;

// Ethernet, IPv4 without options, UDP, BOOTP and the one option that makes it a DHCPDISCOVER; all
// in the network's order.
struct [[gnu::packed]] Message {
  MacAddress destination{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  MacAddress source{};
  uint16_t ether_type = Big(uint16_t{0x0800});

  uint8_t version_and_words = 0x45;
  uint8_t service = 0;
  uint16_t ip_bytes = 0;
  uint16_t id = 0;
  uint16_t fragment = 0;
  uint8_t ttl = 64;
  uint8_t protocol = 17;
  uint16_t ip_checksum = 0;
  Ipv4 ip_source{};
  Ipv4 ip_destination{255, 255, 255, 255};

  uint16_t source_port = Big(kClientPort);
  uint16_t destination_port = Big(kServerPort);
  uint16_t udp_bytes = 0;
  uint16_t udp_checksum = 0;  // none

  uint8_t operation = kRequest;
  uint8_t hardware = 1;  // Ethernet
  uint8_t hardware_bytes = 6;
  uint8_t hops = 0;
  uint32_t transaction = Big(kTransaction);
  uint16_t seconds = 0;
  uint16_t flags = Big(uint16_t{0x8000});  // answer by broadcast
  Ipv4 client{};
  Ipv4 yours{};
  Ipv4 server{};
  Ipv4 relay{};
  MacAddress client_mac{};
  std::array<uint8_t, 10 + 64 + 128> names{};
  uint32_t cookie = Big(uint32_t{0x63825363});
  std::array<uint8_t, 4> options{53, 1, 1, 255};
  std::array<uint8_t, 56> padding{};
};
constexpr size_t kIpOffset = offsetof(Message, version_and_words);
constexpr size_t kIpHeaderBytes = 20;
constexpr size_t kUdpOffset = kIpOffset + kIpHeaderBytes;

struct Packet {
  NetHeader header;
  Message message;
};

// The Internet checksum (RFC 1071).
uint16_t Checksum(std::span<const std::byte> bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    sum += (std::to_integer<uint32_t>(bytes[i]) << 8) + std::to_integer<uint32_t>(bytes[i + 1]);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

Message Discover(const MacAddress& mac) {
  Message message;
  message.source = mac;
  message.client_mac = mac;
  message.ip_bytes = Big(static_cast<uint16_t>(sizeof(Message) - kIpOffset));
  message.udp_bytes = Big(static_cast<uint16_t>(sizeof(Message) - kUdpOffset));
  const auto bytes = std::as_bytes(std::span(&message, 1));
  message.ip_checksum = Big(Checksum(bytes.subspan(kIpOffset, kIpHeaderBytes)));
  return message;
}

// The offer, where `packet` is one for us.
std::optional<Message> AsOffer(const NetPacket& packet) {
  Message message;
  size_t copied = 0;
  for (const std::span<const std::byte> piece : packet.pieces) {
    const size_t bytes = std::min(piece.size(), sizeof message - copied);
    std::memcpy(reinterpret_cast<std::byte*>(&message) + copied, piece.data(), bytes);
    copied += bytes;
  }
  if (copied < offsetof(Message, options) || message.operation != kReply ||
      message.destination_port != Big(kClientPort) || message.transaction != Big(kTransaction)) {
    return std::nullopt;
  }
  return message;
}

}  // namespace

int main() {
  const auto networks = NetDevice::FindAll();
  if (networks.empty()) {
    Print("no network\n");
    return 1;
  }
  NetDevice& net = *networks.front();
  const Packet packet = {.header = {}, .message = Discover(net.mac())};
  if (!net.Send(std::as_bytes(std::span(&packet, 1)))) return 1;
  net.KickSend();
  while (true) {
    const std::optional<NetPacket> received = net.Receive();
    if (!received) {
      net.WaitForPacket();
      continue;
    }
    const std::optional<Message> offer = AsOffer(*received);
    if (!offer) continue;
    const Ipv4 ours = offer->yours;
    const Ipv4 by = offer->ip_source;
    Print("offered {}.{}.{}.{} by {}.{}.{}.{}\n", ours[0], ours[1], ours[2], ours[3], by[0], by[1],
          by[2], by[3]);
    return 0;
  }
}
