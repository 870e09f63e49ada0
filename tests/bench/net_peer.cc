#include "tests/bench/net_peer.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <vector>

#include "base/status.h"

namespace mayfly::bench {
namespace {

using netbench::Frame;
using netbench::Kind;

// Packets to a system call.
constexpr uint32_t kBatch = 64;
// Without a word from the guest for that long, what was under way is lost.
constexpr timeval kSilence{.tv_sec = 0, .tv_usec = 100'000};

// What precedes each frame with PACKET_VNET_HDR: struct virtio_net_hdr, whose header C++ cannot
// read.
struct Header {
  static constexpr uint8_t kNeedsChecksum = 1;
  static constexpr uint8_t kGsoTcp4 = 1;

  uint8_t flags = 0;
  uint8_t gso_type = 0;
  uint16_t header_bytes = 0;
  uint16_t gso_bytes = 0;
  uint16_t checksum_start = 0;
  uint16_t checksum_offset = 0;
};
static_assert(sizeof(Header) == 10);

sockaddr_ll Address(int interface_index, uint16_t protocol) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(protocol);
  address.sll_ifindex = interface_index;
  return address;
}

std::array<iovec, 2> Pieces(const Header& header, std::span<const std::byte> frame) {
  return {iovec{.iov_base = const_cast<Header*>(&header), .iov_len = sizeof header},
          iovec{.iov_base = const_cast<std::byte*>(frame.data()), .iov_len = frame.size()}};
}

absl::Status SetOption(int socket, int level, int option, const void* value, socklen_t size) {
  if (::setsockopt(socket, level, option, value, size) == 0) return absl::OkStatus();
  return ErrnoStatus("preparing a packet socket");
}

}  // namespace

// What to send again and again: a header, and a frame.
struct NetPeer::Flood {
  Header header{};
  std::vector<std::byte> frame;
  uint32_t window = 0;
  // Where to; the kernel cuts segments by the protocol given here, not by the frame's.
  sockaddr_ll address{};
};

absl::StatusOr<std::unique_ptr<NetPeer>> NetPeer::Start(int interface_index) {
  OwnedFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return ErrnoStatus("making a packet socket");
  const int on = 1;
  MAYFLY_RETURN_IF_ERROR(SetOption(socket.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on));
  MAYFLY_RETURN_IF_ERROR(SetOption(socket.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on));
  MAYFLY_RETURN_IF_ERROR(
      SetOption(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kSilence, sizeof kSilence));
  const sockaddr_ll address = Address(interface_index, netbench::kControlType);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return ErrnoStatus("binding a packet socket");
  }
  return std::make_unique<NetPeer>(std::move(socket), interface_index);
}

NetPeer::NetPeer(OwnedFd socket, int interface_index)
    : socket_(std::move(socket)), interface_index_(interface_index), thread_([this] { Run(); }) {}

NetPeer::~NetPeer() {
  stop_ = true;
  thread_.join();
}

void NetPeer::Run() {
  while (!stop_) {
    Frame frame;
    if (!Hear(frame)) continue;
    if (frame.kind == Kind::kStartSmall || frame.kind == Kind::kStartGso) Serve(frame);
    if (frame.kind == Kind::kPing) Answer(frame);
  }
}

void NetPeer::Serve(const Frame& start) {
  const Flood flood = MakeFlood(start);
  uint32_t sent = 0;
  uint32_t arrived = 0;
  while (!stop_) {
    sent += Send(flood, arrived + flood.window - sent);
    Frame word;
    if (!Hear(word)) {
      ++losses_;
      arrived = sent;
    } else if (word.kind == Kind::kCredit) {
      // After a loss the guest counts less than was sent; that must not open the window for ever.
      arrived = std::max(arrived, std::min(word.count, sent));
    } else if (word.kind == Kind::kStop) {
      return;
    }
  }
}

NetPeer::Flood NetPeer::MakeFlood(const Frame& start) const {
  Flood flood;
  if (start.kind == Kind::kStartSmall) {
    const Frame frame{.destination = start.source,
                      .source = netbench::kPeerMac,
                      .type_big_endian = netbench::BigEndian(netbench::kSinkType),
                      .kind = Kind::kData};
    const auto bytes = std::as_bytes(std::span(&frame, 1));
    flood.frame.assign(bytes.begin(), bytes.end());
    flood.window = netbench::kSmallWindow;
    flood.address = Address(interface_index_, netbench::kSinkType);
    return flood;
  }
  flood.header = {.flags = Header::kNeedsChecksum,
                  .gso_type = Header::kGsoTcp4,
                  .header_bytes = netbench::kHeadersBytes,
                  .gso_bytes = netbench::kSegmentBytes,
                  .checksum_start = netbench::kChecksumStart,
                  .checksum_offset = netbench::kChecksumOffset};
  flood.frame.resize(netbench::kGsoFrameBytes);
  const auto headers = netbench::GsoHeaders(start.source, netbench::kPeerMac);
  std::memcpy(flood.frame.data(), headers.data(), headers.size());
  flood.window = netbench::kGsoWindow;
  flood.address = Address(interface_index_, ETH_P_IP);
  return flood;
}

uint32_t NetPeer::Send(const Flood& flood, uint32_t count) {
  std::array<iovec, 2> pieces = Pieces(flood.header, flood.frame);
  sockaddr_ll address = flood.address;
  std::array<mmsghdr, kBatch> messages{};
  for (mmsghdr& message : messages) {
    message.msg_hdr.msg_name = &address;
    message.msg_hdr.msg_namelen = sizeof address;
    message.msg_hdr.msg_iov = pieces.data();
    message.msg_hdr.msg_iovlen = pieces.size();
  }
  uint32_t sent = 0;
  while (sent < count) {
    const int done = ::sendmmsg(socket_.get(), messages.data(), std::min(kBatch, count - sent), 0);
    if (done <= 0) break;
    sent += static_cast<uint32_t>(done);
  }
  return sent;
}

void NetPeer::Answer(const Frame& ping) {
  Frame pong = ping;
  pong.destination = ping.source;
  pong.source = netbench::kPeerMac;
  pong.kind = Kind::kPong;
  const Header header;
  std::array<iovec, 2> pieces = Pieces(header, std::as_bytes(std::span(&pong, 1)));
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  if (::sendmsg(socket_.get(), &message, 0) < 0) ++losses_;
}

bool NetPeer::Hear(Frame& frame) {
  std::array<std::byte, sizeof(Header) + sizeof(Frame)> bytes{};
  const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_TRUNC);
  if (got < static_cast<ssize_t>(bytes.size())) return false;
  std::memcpy(&frame, bytes.data() + sizeof(Header), sizeof frame);
  return true;
}

}  // namespace mayfly::bench
