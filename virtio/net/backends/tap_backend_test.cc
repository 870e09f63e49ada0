#include "virtio/net/backends/tap_backend.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/event_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/net/backends/tap_device.h"
#include "virtio/net/mac_address.h"

namespace mayfly::virtio {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// For experiments (IEEE 802); the host sends nothing with it by itself.
constexpr uint16_t kEtherType = 0x88b5;
constexpr uint16_t kEtherTypeIp4 = 0x0800;

std::vector<std::byte> Frame(size_t size, uint16_t ether_type = kEtherType) {
  std::vector<std::byte> frame(size);
  for (size_t i = kEthernetHeaderSize; i < size; ++i) frame[i] = static_cast<std::byte>(i * 3);
  std::fill_n(frame.begin(), MacAddress::kSize, std::byte{0xff});
  frame[6] = std::byte{0x02};
  frame[12] = static_cast<std::byte>(ether_type >> 8U);
  frame[13] = static_cast<std::byte>(ether_type);
  return frame;
}

// A TCP packet that the host is to cut: one of 4000 bytes, checksums missing.
std::pair<NetHeader, std::vector<std::byte>> TcpFrame() {
  std::vector<std::byte> frame = Frame(4000, kEtherTypeIp4);
  constexpr std::array<uint8_t, 20> kIp = {0x45, 0, 0x0f, 0x92, 0, 0, 0x40, 0,  64,  6,
                                           0,    0, 192,  0,    2, 1, 198,  51, 100, 1};
  std::ranges::copy(std::as_bytes(std::span(kIp)), frame.begin() + kEthernetHeaderSize);
  frame[34 + 12] = std::byte{0x50};
  const NetHeader header = {.flags = kNetNeedsChecksum,
                            .gso_type = static_cast<uint8_t>(NetGso::kTcp4),
                            .header_length = 54,
                            .gso_size = 1000,
                            .checksum_start = 34,
                            .checksum_offset = 16};
  return {header, frame};
}

class CountingEvents final : public NetBackendEvents {
 public:
  std::vector<uint16_t> readable;
  std::function<void()> on_readable = [] {};

  void OnReadable(uint16_t pair) override {
    readable.push_back(pair);
    on_readable();
  }
  void OnWritable(uint16_t /*pair*/) override {}
};

// In a network namespace of its own, which the test's thread never leaves.
class TapBackendTest : public ::testing::Test {
 protected:
  void SetUp() override {
    static const bool separate = unshare(CLONE_NEWNET) == 0;
    if (!separate) GTEST_SKIP() << "may not make a network namespace: " << std::strerror(errno);
    if (access("/dev/net/tun", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/net/tun";
    io_ = EventLoop::Create().value();
  }
  void TearDown() override {
    if (backend_ == nullptr) return;
    backend_->Stop();
    backend_->Close();
  }

  void Make(uint16_t queue_pairs) {
    std::vector<OwnedFd> queues = OpenTap("mayfly0", queue_pairs).value();
    for (const OwnedFd& queue : queues) copies_.emplace_back(dup(queue.get()));
    backend_ = TapBackend::Create(std::move(queues), *io_).value();
    BringUp();
    BindCable();
  }
  // Attaches or detaches a queue behind the backend's back.
  void SetQueue(uint16_t pair, int16_t ifreq_flag) const {
    ifreq request{};
    request.ifr_flags = ifreq_flag;
    ASSERT_EQ(ioctl(copies_[pair].get(), TUNSETQUEUE, &request), 0) << std::strerror(errno);
  }
  // One frame of each of kFlows flows: the kernel chooses a queue for each.
  void HostSendsFlows() const {
    for (int flow = 0; flow < kFlows; ++flow) {
      auto frame = Frame(100);
      frame[11] = static_cast<std::byte>(flow);
      HostSends(frame);
    }
  }
  // Runs the loop until what was readable has been told of.
  void RunOnce() const {
    // Ready later than the tap would be.
    const EventFd end = EventFd::Create().value();
    ASSERT_TRUE(io_->Watch(end.fd(), [this] { io_->Stop(); }).ok());
    end.Signal();
    io_->Run();
    io_->Unwatch(end.fd());
  }
  void BringUp() const {
    ifreq request{};
    std::ranges::copy(kName, request.ifr_name);
    const OwnedFd any(socket(AF_INET, SOCK_DGRAM, 0));
    request.ifr_flags = IFF_UP;
    ASSERT_EQ(ioctl(any.get(), SIOCSIFFLAGS, &request), 0);
    ASSERT_EQ(ioctl(any.get(), SIOCGIFINDEX, &request), 0);
    index_ = request.ifr_ifindex;
  }
  // The host's side of the tap: what it sends and receives, with vnet headers of 10 bytes.
  void BindCable() {
    cable_ = OwnedFd(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL)));
    ASSERT_TRUE(cable_.valid());
    const int on = 1;
    ASSERT_EQ(setsockopt(cable_.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on), 0);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = index_;
    ASSERT_EQ(bind(cable_.get(), static_cast<const sockaddr*>(static_cast<void*>(&address)),
                   sizeof address),
              0);
  }
  void HostSends(const std::vector<std::byte>& frame) const {
    std::vector<std::byte> packet(kShortHeader);
    packet.insert(packet.end(), frame.begin(), frame.end());
    ASSERT_EQ(write(cable_.get(), packet.data(), packet.size()),
              static_cast<ssize_t>(packet.size()));
  }
  // The next frame of that type that comes from the guest; skips what the host sends of its own.
  [[nodiscard]] std::vector<std::byte> HostReceives(uint16_t ether_type, NetHeader* header) const {
    std::vector<std::byte> packet(kShortHeader + kMaxFrameSize);
    ssize_t size = 0;
    while ((size = read(cable_.get(), packet.data(), packet.size())) > 0) {
      if (packet[kShortHeader + 12] != static_cast<std::byte>(ether_type >> 8U) ||
          packet[kShortHeader + 13] != static_cast<std::byte>(ether_type)) {
        continue;
      }
      std::ranges::copy(std::span(packet).first(kShortHeader),
                        std::as_writable_bytes(std::span(header, 1)).begin());
      return {packet.begin() + kShortHeader, packet.begin() + size};
    }
    return {};
  }
  [[nodiscard]] int Send(NetHeader header, std::vector<std::byte> frame, uint16_t pair = 0) const {
    std::array pieces = {iovec{&header, sizeof header}, iovec{frame.data(), frame.size()}};
    return backend_->Send(pair, pieces).error;
  }
  // The next frame of kEtherType; empty where there is none.
  [[nodiscard]] std::vector<std::byte> Receive(NetHeader* header, uint16_t pair = 0) const {
    while (true) {
      std::vector<std::byte> frame(kMaxFrameSize);
      std::array pieces = {iovec{header, sizeof *header}, iovec{frame.data(), 16},
                           iovec{frame.data() + 16, frame.size() - 16}};
      const NetBackend::Result result = backend_->Receive(pair, pieces);
      if (result.error != 0) return {};
      frame.resize(result.bytes - kNetHeaderSize);
      if (frame[12] == std::byte{0x88} && frame[13] == std::byte{0xb5}) return frame;
    }
  }
  void DeleteInterface() const {
    struct {
      nlmsghdr header{};
      ifinfomsg link{};
    } request;
    request.header = {.nlmsg_len = sizeof request,
                      .nlmsg_type = RTM_DELLINK,
                      .nlmsg_flags = NLM_F_REQUEST,
                      .nlmsg_seq = 0,
                      .nlmsg_pid = 0};
    request.link.ifi_index = index_;
    const OwnedFd netlink(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    ASSERT_EQ(send(netlink.get(), &request, sizeof request, 0),
              static_cast<ssize_t>(sizeof request));
  }

  static constexpr std::string_view kName = "mayfly0";
  static constexpr size_t kShortHeader = 10;  // without num_buffers
  static constexpr int kFlows = 32;
  std::unique_ptr<EventLoop> io_;
  std::unique_ptr<TapBackend> backend_;
  std::vector<OwnedFd> copies_;  // of the queues
  OwnedFd cable_;
  mutable int index_ = 0;
  CountingEvents events_;
};

TEST_F(TapBackendTest, RefusesWhatIsNoTap) {
  std::vector<OwnedFd> queues;
  EXPECT_EQ(TapBackend::Create({}, *io_).status().code(), absl::StatusCode::kInvalidArgument);
  queues.emplace_back(open("/dev/null", O_RDWR | O_CLOEXEC));
  const absl::Status status = TapBackend::Create(std::move(queues), *io_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no tap interface"));
}

TEST_F(TapBackendTest, RefusesATapWithoutVnetHeaders) {
  std::vector<OwnedFd> queues;
  queues.emplace_back(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  ASSERT_EQ(ioctl(queues[0].get(), TUNSETIFF, &request), 0);
  const absl::Status status = TapBackend::Create(std::move(queues), *io_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("IFF_VNET_HDR"));
}

TEST_F(TapBackendTest, RefusesQueuesOfTwoInterfaces) {
  std::vector<OwnedFd> queues = OpenTap("one%d", 2).value();
  std::vector<OwnedFd> others = OpenTap("other%d", 2).value();
  queues.push_back(std::move(others[0]));
  const absl::Status status = TapBackend::Create(std::move(queues), *io_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("two tap interfaces"));
}

TEST_F(TapBackendTest, OpeningSaysWhatIsWrong) {
  EXPECT_EQ(OpenTap("", 1).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(OpenTap("sixteen-letters-", 1).status().message()),
              HasSubstr("1 to 15 characters"));
  const std::vector<OwnedFd> queues = OpenTap("mayfly0", 1).value();
  EXPECT_EQ(OpenTap("mayfly0", 1).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(OpenTap("lo", 1).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(TapBackendTest, SendsAFrame) {
  Make(1);
  ASSERT_TRUE(backend_->Start(0, events_).ok());
  const auto frame = Frame(100);
  ASSERT_EQ(Send({}, frame), 0);
  NetHeader header;
  EXPECT_EQ(HostReceives(kEtherType, &header), frame);
}

TEST_F(TapBackendTest, LeavesSegmentationToTheHost) {
  Make(1);
  EXPECT_EQ(backend_->offload_features() & (kNetFeatureHostTso4 | kNetFeatureHostTso6),
            kNetFeatureHostTso4 | kNetFeatureHostTso6);
  ASSERT_TRUE(backend_->Start(kNetHostOffloads, events_).ok());
  const auto [sent, frame] = TcpFrame();
  ASSERT_EQ(Send(sent, frame), 0);
  NetHeader header;
  EXPECT_EQ(HostReceives(kEtherTypeIp4, &header), frame);
  EXPECT_EQ(header.gso_type, static_cast<uint8_t>(NetGso::kTcp4));
  EXPECT_EQ(header.gso_size, 1000);
}

TEST_F(TapBackendTest, ReceivesAFrame) {
  Make(1);
  ASSERT_TRUE(backend_->Start(0, events_).ok());
  NetHeader header;
  EXPECT_THAT(Receive(&header), SizeIs(0));
  const auto frame = Frame(100);
  HostSends(frame);
  EXPECT_EQ(Receive(&header), frame);
  EXPECT_EQ(header.gso_type, 0);
}

TEST_F(TapBackendTest, CallsWhenAFrameIsThere) {
  Make(1);
  ASSERT_TRUE(backend_->Start(0, events_).ok());
  HostSends(Frame(100));
  events_.on_readable = [&] {
    backend_->PauseReceiving(0);
    backend_->PauseReceiving(0);
    // Were it not paused, it would be called before this.
    io_->Post([&] { io_->Post([&] { io_->Stop(); }); });
  };
  io_->Run();
  EXPECT_THAT(events_.readable, ElementsAre(0));
  EXPECT_TRUE(backend_->ResumeReceiving(0).ok());
  EXPECT_TRUE(backend_->ResumeReceiving(0).ok());
}

TEST_F(TapBackendTest, QueuesInUseTakePackets) {
  Make(3);
  EXPECT_EQ(backend_->max_queue_pairs(), 3);
  ASSERT_TRUE(backend_->Start(0, events_).ok());
  const auto count = [&](uint16_t pair) {
    int packets = 0;
    for (NetHeader header; !Receive(&header, pair).empty();) ++packets;
    return packets;
  };
  // Only one is at first: it gets every flow.
  HostSendsFlows();
  EXPECT_EQ(count(0), kFlows);
  ASSERT_TRUE(backend_->SetQueuePairs(3).ok());
  HostSendsFlows();
  EXPECT_EQ(count(0) + count(1) + count(2), kFlows);
  EXPECT_EQ(Send({}, Frame(60), 2), 0);
  backend_->Stop();
  ASSERT_TRUE(backend_->Start(0, events_).ok());
  HostSendsFlows();
  EXPECT_EQ(count(0), kFlows);
}

// A guest can ask for as many as it has, again and again.
TEST_F(TapBackendTest, PausedQueuesInUseStayPaused) {
  Make(1);
  ASSERT_TRUE(backend_->Start(0, events_).ok());
  backend_->PauseReceiving(0);
  ASSERT_TRUE(backend_->SetQueuePairs(1).ok());
  HostSends(Frame(100));
  RunOnce();
  EXPECT_THAT(events_.readable, IsEmpty());
}

TEST_F(TapBackendTest, QueuesThatComeNewAreNotPaused) {
  Make(2);
  ASSERT_TRUE(backend_->Start(0, events_).ok());
  ASSERT_TRUE(backend_->SetQueuePairs(2).ok());
  backend_->PauseReceiving(0);
  backend_->PauseReceiving(1);
  ASSERT_TRUE(backend_->SetQueuePairs(1).ok());
  ASSERT_TRUE(backend_->SetQueuePairs(2).ok());
  events_.on_readable = [&] { backend_->PauseReceiving(1); };
  HostSendsFlows();
  RunOnce();
  EXPECT_THAT(events_.readable, ElementsAre(1));
}

TEST_F(TapBackendTest, QueuesThatCouldNotBeHadAreNotWatched) {
  Make(3);
  ASSERT_TRUE(backend_->Start(0, events_).ok());
  backend_->PauseReceiving(0);
  SetQueue(2, IFF_ATTACH_QUEUE);  // which the host now refuses
  EXPECT_FALSE(backend_->SetQueuePairs(3).ok());
  HostSendsFlows();
  RunOnce();
  EXPECT_THAT(events_.readable, IsEmpty());
}

TEST_F(TapBackendTest, QueuesThatCouldNotBeGivenUpAreNotWatched) {
  Make(3);
  ASSERT_TRUE(backend_->Start(0, events_).ok());
  ASSERT_TRUE(backend_->SetQueuePairs(3).ok());
  backend_->PauseReceiving(0);
  SetQueue(1, IFF_DETACH_QUEUE);
  EXPECT_FALSE(backend_->SetQueuePairs(1).ok());
  HostSendsFlows();
  RunOnce();
  EXPECT_THAT(events_.readable, IsEmpty());
}

TEST_F(TapBackendTest, OffloadsCanBeTurnedOnAndOff) {
  Make(1);
  ASSERT_TRUE(backend_->Start(backend_->offload_features(), events_).ok());
  EXPECT_TRUE(backend_->SetGuestOffloads(0).ok());
  EXPECT_TRUE(backend_->SetGuestOffloads(kNetFeatureGuestChecksum).ok());
  EXPECT_TRUE(backend_->SetGuestOffloads(kNetFeatureGuestChecksum | kNetFeatureGuestUso4).ok());
  EXPECT_TRUE(backend_->SetGuestOffloads(backend_->offload_features()).ok());
}

TEST_F(TapBackendTest, InterfaceThatIsDownRefuses) {
  backend_ = TapBackend::Create(OpenTap("mayfly0", 1).value(), *io_).value();
  ASSERT_TRUE(backend_->Start(0, events_).ok());
  EXPECT_EQ(Send({}, Frame(60)), EIO);
}

TEST_F(TapBackendTest, DeletedInterfaceIsGone) {
  Make(1);
  ASSERT_TRUE(backend_->Start(0, events_).ok());
  DeleteInterface();
  NetHeader header;
  std::array pieces = {iovec{&header, sizeof header}};
  EXPECT_EQ(backend_->Receive(0, pieces).error, ENODEV);
  EXPECT_NE(Send({}, Frame(60)), 0);
}

}  // namespace
}  // namespace mayfly::virtio
