#include "tests/hostile/wire.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <sstream>
#include <utility>

#include "base/status.h"
#include "virtio/net/backends/tap_device.h"
#include "virtio/net/testing/own_network.h"

namespace mayfly::hostile {
namespace {

constexpr std::string_view kInterface = "hostile";
// As in guest/nic.h.
constexpr uint16_t kTestType = 0x88b5;
constexpr std::byte kEcho{'E'};
constexpr size_t kPurposeOffset = ETH_HLEN;
constexpr std::array<uint8_t, ETH_ALEN> kOwnAddress = {0x02, 0, 0, 0, 0, 0xfe};

absl::StatusOr<OwnedFd> Tap() {
  OwnedFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL)));
  if (!socket.valid()) return ErrnoStatus("opening a packet socket");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(std::string(kInterface).c_str()));
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return ErrnoStatus("binding a packet socket");
  }
  return socket;
}

std::string Hex(std::span<const std::byte> bytes) {
  std::ostringstream text;
  for (const std::byte byte : bytes) text << std::hex << std::to_integer<unsigned>(byte) << ' ';
  return text.str();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Wire>> Wire::Create(const virtio::MacAddress& mac,
                                                   uint16_t queue_pairs) {
  static const absl::Status entered = virtio::EnterEmptyNetwork();
  MAYFLY_RETURN_IF_ERROR(entered);
  MAYFLY_ASSIGN_OR_RETURN(std::vector<OwnedFd> tap, virtio::OpenTap(kInterface, queue_pairs));
  MAYFLY_RETURN_IF_ERROR(virtio::BringUp(kInterface).status());
  MAYFLY_ASSIGN_OR_RETURN(OwnedFd socket, Tap());
  MAYFLY_ASSIGN_OR_RETURN(EventFd stop, EventFd::Create());
  auto wire = std::make_unique<Wire>(Passkey(), mac, std::move(socket), std::move(stop));
  wire->tap_ = std::move(tap);
  return wire;
}

Wire::Wire(Passkey, const virtio::MacAddress& mac, OwnedFd socket, EventFd stop)
    : mac_(mac), socket_(std::move(socket)), stop_(std::move(stop)), thread_([this] { Serve(); }) {}

Wire::~Wire() {
  stop_.Signal();
  thread_.join();
}

Wire::Seen Wire::seen() const {
  const std::scoped_lock lock(mutex_);
  return seen_;
}

void Wire::Serve() {
  std::array<pollfd, 2> ready = {pollfd{.fd = socket_.get(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = stop_.fd(), .events = POLLIN, .revents = 0}};
  std::vector<std::byte> frame(size_t{128} << 10);
  while (::poll(ready.data(), ready.size(), -1) >= 0 && ready[1].revents == 0) {
    sockaddr_ll from{};
    socklen_t size = sizeof from;
    const ssize_t bytes = ::recvfrom(socket_.get(), frame.data(), frame.size(), 0,
                                     reinterpret_cast<sockaddr*>(&from), &size);
    if (bytes <= 0) {
      // The interface is gone, with the VMM's end of it.
      if (errno == ENETDOWN) ready[0].events = 0;
      continue;
    }
    if (from.sll_pkttype == PACKET_OUTGOING) continue;  // to the guest
    Look(std::span(frame).first(static_cast<size_t>(bytes)));
  }
}

void Wire::Look(std::span<std::byte> frame) {
  uint16_t type = 0;
  if (frame.size() > kPurposeOffset) std::memcpy(&type, &frame[2 * ETH_ALEN], sizeof type);
  const auto sender = frame.size() > kPurposeOffset ? frame.subspan(ETH_ALEN, ETH_ALEN) : frame;
  if (ntohs(type) != kTestType ||
      !std::ranges::equal(sender, std::as_bytes(std::span(mac_.bytes)))) {
    const std::scoped_lock lock(mutex_);
    if (seen_.escaped++ == 0)
      seen_.first_escaped = Hex(frame.first(std::min<size_t>(64, frame.size())));
    return;
  }
  const bool echo = frame[kPurposeOffset] == kEcho;
  if (echo) {
    std::ranges::copy(sender, frame.begin());
    std::ranges::copy(std::as_bytes(std::span(kOwnAddress)), sender.begin());
    // What does not fit the interface's queue is lost: the guest does not take what it gets.
    [[maybe_unused]] const ssize_t sent = ::send(socket_.get(), frame.data(), frame.size(), 0);
  }
  const std::scoped_lock lock(mutex_);
  ++(echo ? seen_.echoed : seen_.others);
}

}  // namespace mayfly::hostile
