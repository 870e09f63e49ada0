#include "tests/hostile/peer.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <sstream>

namespace mayfly::hostile {
namespace {

// As in guest/nic.h.
constexpr uint16_t kTestType = 0x88b5;
constexpr std::byte kEcho{'E'};
constexpr std::byte kMischief{'M'};
constexpr size_t kPurposeOffset = ETH_HLEN;
constexpr std::array<uint8_t, ETH_ALEN> kOwnAddress = {0x02, 0, 0, 0, 0, 0xfe};
constexpr size_t kMostShown = 64;

std::string Hex(std::span<const std::byte> bytes) {
  std::ostringstream text;
  for (const std::byte byte : bytes) text << std::hex << std::to_integer<unsigned>(byte) << ' ';
  return text.str();
}

}  // namespace

Peer::Seen Peer::seen() const {
  const std::scoped_lock lock(mutex_);
  return seen_;
}

Peer::Wish Peer::Look(std::span<std::byte> frame) {
  uint16_t type = 0;
  if (frame.size() > kPurposeOffset) std::memcpy(&type, &frame[size_t{2} * ETH_ALEN], sizeof type);
  const auto sender = frame.size() > kPurposeOffset ? frame.subspan(ETH_ALEN, ETH_ALEN) : frame;
  const std::scoped_lock lock(mutex_);
  if (ntohs(type) != kTestType ||
      !std::ranges::equal(sender, std::as_bytes(std::span(mac_.bytes)))) {
    if (seen_.escaped++ == 0) {
      seen_.first_escaped = Hex(frame.first(std::min(kMostShown, frame.size())));
    }
    return Wish::kNothing;
  }
  const std::byte purpose = frame[kPurposeOffset];
  if (purpose != kEcho) {
    ++seen_.others;
    return purpose == kMischief ? Wish::kMischief : Wish::kNothing;
  }
  ++seen_.echoed;
  std::ranges::copy(sender, frame.begin());
  std::ranges::copy(std::as_bytes(std::span(kOwnAddress)), sender.begin());
  return Wish::kEcho;
}

}  // namespace mayfly::hostile
