#include "tests/hostile/wire.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "virtio/net/backends/tap_device.h"
#include "virtio/net/testing/own_network.h"

namespace mayfly::hostile {
namespace {

constexpr std::string_view kInterface = "hostile";

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
    : Peer(mac), socket_(std::move(socket)), stop_(std::move(stop)), thread_([this] { Serve(); }) {}

Wire::~Wire() {
  stop_.Signal();
  thread_.join();
}

void Wire::ConnectTo(vmm::NetConfig& net) {
  net.queue_pairs = static_cast<uint16_t>(tap_.size());
  net.backend = vmm::TapNet{.queues = std::move(tap_)};
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
    const auto arrived = std::span(frame).first(static_cast<size_t>(bytes));
    if (Look(arrived) != Wish::kEcho) continue;
    // What does not fit the interface's queue is lost: the guest does not take what it gets.
    [[maybe_unused]] const ssize_t sent = ::send(socket_.get(), arrived.data(), arrived.size(), 0);
  }
}

}  // namespace mayfly::hostile
