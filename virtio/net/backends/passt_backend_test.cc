#include "virtio/net/backends/passt_backend.h"
#include "base/socket_pair.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/event_fd.h"
#include "gtest/gtest.h"
#include "virtio/net/testing/frames.h"

namespace mayfly::virtio {
namespace {

using Bytes = std::vector<std::byte>;

constexpr size_t kFrameSize = 60;

[[nodiscard]] Bytes Frame(size_t size, int fill) {
  return Bytes(size, static_cast<std::byte>(fill));
}

// `frame` as it is in the stream.
[[nodiscard]] Bytes Framed(const Bytes& frame) {
  Bytes bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::byte>(frame.size() >> shift));
  }
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  return bytes;
}

struct Events final : NetBackendEvents {
  explicit Events(EventLoop& loop) : io(loop) {}
  void OnReadable(uint16_t /*pair*/) override {
    ++readable;
    io.Stop();
  }
  void OnWritable(uint16_t /*pair*/) override {
    ++writable;
    io.Stop();
  }

  EventLoop& io;
  int readable = 0;
  int writable = 0;
};

class PasstBackendTest : public testing::Test {
 protected:
  void SetUp() override {
    SocketPair sockets = SocketPair::Make().value();
    peer_ = std::move(sockets.theirs);
    // The number that the next descriptor gets: the backend's epoll instance.
    writability_ = ::dup(peer_.get());
    ::close(writability_);
    auto backend = PasstBackend::Create(std::move(sockets.ours), *io_);
    ASSERT_TRUE(backend.ok()) << backend.status();
    backend_ = *std::move(backend);
    ASSERT_TRUE(backend_->Start(0, events_).ok());
  }

  // Runs the loop until what was readable has been told of.
  void RunOnce() const {
    // Ready later than the socket would be.
    const EventFd end = *EventFd::Create();
    ASSERT_TRUE(io_->Watch(end.fd(), [this] { io_->Stop(); }).ok());
    end.Signal();
    io_->Run();
    io_->Unwatch(end.fd());
  }
  void Say(const Bytes& bytes) const {
    ASSERT_EQ(::send(peer_.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
  }
  // What the backend has sent, up to `size` bytes.
  [[nodiscard]] Bytes Hear(size_t size) const {
    Bytes bytes(size);
    const ssize_t got = ::recv(peer_.get(), bytes.data(), size, MSG_DONTWAIT);
    bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return bytes;
  }

  [[nodiscard]] int SendWhole(const Bytes& frame) const {
    Bytes packet = frames::Join({frames::Zeroes(kNetHeaderSize), frame});
    std::array<iovec, 1> pieces = {{{.iov_base = packet.data(), .iov_len = packet.size()}}};
    return backend_->Send(0, pieces).error;
  }
  // Sends `frame` in two pieces, as a device does.
  [[nodiscard]] int Send(const Bytes& frame) const {
    const size_t in_head = std::min<size_t>(frame.size(), 20);
    Bytes head(kNetHeaderSize + in_head);
    std::copy_n(frame.begin(), in_head, head.begin() + kNetHeaderSize);
    Bytes rest(frame.begin() + static_cast<ptrdiff_t>(in_head), frame.end());
    std::array<iovec, 2> pieces = {{{.iov_base = head.data(), .iov_len = head.size()},
                                    {.iov_base = rest.data(), .iov_len = rest.size()}}};
    return backend_->Send(0, pieces).error;
  }

  struct Received {
    int error = 0;
    uint64_t bytes = 0;
    NetHeader header;
    Bytes frame;  // what the room holds
  };
  // Receives into a header and two pieces of room.
  [[nodiscard]] Received Receive(size_t first = 32, size_t second = kMaxFrameSize) const {
    Received received;
    received.header.flags = kNetNeedsChecksum;  // to be overwritten
    received.frame.resize(first + second);
    std::array<iovec, 3> room = {{{.iov_base = &received.header, .iov_len = kNetHeaderSize},
                                  {.iov_base = received.frame.data(), .iov_len = first},
                                  {.iov_base = received.frame.data() + first, .iov_len = second}}};
    const NetBackend::Result result = backend_->Receive(0, room);
    received.error = result.error;
    received.bytes = result.bytes;
    received.frame.resize(result.error == 0 ? result.bytes - kNetHeaderSize : 0);
    return received;
  }

  std::unique_ptr<EventLoop> io_ = *EventLoop::Create();
  Events events_{*io_};
  OwnedFd peer_;
  int writability_ = -1;
  std::unique_ptr<PasstBackend> backend_;
};

TEST_F(PasstBackendTest, TakesStreamSocketsOnly) {
  std::array<int, 2> fds{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds.data()), 0);
  const OwnedFd other(fds[1]);
  EXPECT_EQ(PasstBackend::Create(OwnedFd(fds[0]), *io_).status().code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(::pipe(fds.data()), 0);
  const OwnedFd pipe_end(fds[1]);
  EXPECT_FALSE(PasstBackend::Create(OwnedFd(fds[0]), *io_).ok());
}

TEST_F(PasstBackendTest, OffersNothingThatPasstCannotDo) {
  EXPECT_EQ(backend_->offload_features(), 0U);
  EXPECT_EQ(backend_->max_queue_pairs(), 1);
}

TEST_F(PasstBackendTest, SendsAFrameBehindItsLength) {
  const Bytes frame = Frame(kFrameSize, 0xa5);
  EXPECT_EQ(Send(frame), 0);
  EXPECT_EQ(Hear(1000), Framed(frame));
}

TEST_F(PasstBackendTest, SendsAFrameThatIsAllHead) {
  const Bytes frame = Frame(kEthernetHeaderSize, 0x5a);
  EXPECT_EQ(Send(frame), 0);
  EXPECT_EQ(Hear(1000), Framed(frame));
}

TEST_F(PasstBackendTest, NothingIsSentToTheHostItself) {
  const auto to4 = [this](std::string_view destination) {
    Bytes frame =
        frames::Ethernet({}, frames::kIpv4Type, frames::Ipv4Packet({.destination = destination}));
    return SendWhole(frame);
  };
  const auto to6 = [this](std::string_view destination) {
    return SendWhole(
        frames::Ethernet({}, frames::kIpv6Type, frames::Ipv6Packet({.destination = destination})));
  };
  for (const auto* destination : {"127.0.0.1", "127.255.255.255", "0.0.0.0", "0.1.2.3"}) {
    EXPECT_EQ(to4(destination), EHOSTUNREACH) << destination;
  }
  for (const auto* destination : {"::", "::1", "::ffff:192.0.2.1", "::192.0.2.1"}) {
    EXPECT_EQ(to6(destination), EHOSTUNREACH) << destination;
  }
  EXPECT_EQ(SendWhole(Frame(kEthernetHeaderSize - 1, 0)), EHOSTUNREACH);
  EXPECT_EQ(SendWhole(frames::Ethernet({}, frames::kIpv4Type, frames::Zeroes(19))), EHOSTUNREACH);
  EXPECT_TRUE(Hear(1000).empty());
  EXPECT_EQ(to4("128.0.0.1"), 0);
  EXPECT_EQ(to6("::1:0:0:1"), 0);
  EXPECT_EQ(to6("2001:db8::1"), 0);
  EXPECT_FALSE(Hear(1000).empty());
}

TEST_F(PasstBackendTest, WaitsWhenTheSocketIsFullAndLosesNoByte) {
  const Bytes frame = Frame(kMaxFrameSize, 0x11);
  size_t sent = 0;
  int error = 0;
  while ((error = Send(frame)) == 0) ++sent;
  EXPECT_EQ(error, EAGAIN);
  ASSERT_GE(sent, 1U);

  // The peer takes everything, and what was begun follows.
  Bytes heard;
  std::thread peer([&] {
    while (heard.size() < sent * (kMaxFrameSize + 4)) {
      Bytes part(1 << 20);
      const ssize_t got = ::recv(peer_.get(), part.data(), part.size(), 0);
      if (got <= 0) return;
      heard.insert(heard.end(), part.begin(), part.begin() + got);
    }
  });
  io_->Run();
  peer.join();
  EXPECT_EQ(events_.writable, 1);
  Bytes expected;
  for (size_t i = 0; i < sent; ++i) {
    const Bytes framed = Framed(frame);
    expected.insert(expected.end(), framed.begin(), framed.end());
  }
  EXPECT_TRUE(heard == expected);
  EXPECT_EQ(Send(frame), 0);
}

TEST_F(PasstBackendTest, WhatWasBegunIsFinishedAfterAReset) {
  const Bytes frame = Frame(kMaxFrameSize, 0x22);
  size_t sent = 0;
  while (Send(frame) == 0) ++sent;
  backend_->Stop();
  Bytes heard = Hear(sent * (kMaxFrameSize + 4));
  ASSERT_TRUE(backend_->Start(0, events_).ok());
  if (heard.size() < sent * (kMaxFrameSize + 4)) {
    io_->Run();
    const Bytes rest = Hear(kMaxFrameSize + 4);
    heard.insert(heard.end(), rest.begin(), rest.end());
  }
  EXPECT_EQ(heard.size(), sent * (kMaxFrameSize + 4));
}

TEST_F(PasstBackendTest, ReceivesFramesOneByOne) {
  EXPECT_EQ(Receive().error, EAGAIN);
  Say(Framed(Frame(kFrameSize, 1)));
  Say(Framed(Frame(kMaxFrameSize, 2)));
  Say(Framed(Frame(kEthernetHeaderSize, 3)));
  const Received first = Receive();
  EXPECT_EQ(first.error, 0);
  EXPECT_EQ(first.header, NetHeader());
  EXPECT_EQ(first.frame, Frame(kFrameSize, 1));
  EXPECT_TRUE(Receive().frame == Frame(kMaxFrameSize, 2));
  EXPECT_EQ(Receive().frame, Frame(kEthernetHeaderSize, 3));
  EXPECT_EQ(Receive().error, EAGAIN);
}

TEST_F(PasstBackendTest, ReceivesAStreamInAnyParts) {
  Bytes stream;
  for (int i = 0; i < 3; ++i) {
    const Bytes framed = Framed(Frame(kFrameSize, i));
    stream.insert(stream.end(), framed.begin(), framed.end());
  }
  for (size_t part = 1; part < 2 * kFrameSize; ++part) {
    std::vector<Bytes> frames;
    for (size_t begin = 0; begin < stream.size(); begin += part) {
      const size_t end = std::min(begin + part, stream.size());
      Say({stream.begin() + static_cast<ptrdiff_t>(begin),
           stream.begin() + static_cast<ptrdiff_t>(end)});
      // As long as more than a few bytes: Receive() may take less than is there.
      for (int calls = 0; calls < 4; ++calls) {
        Received received = Receive();
        if (received.error == 0) frames.push_back(std::move(received.frame));
      }
    }
    ASSERT_EQ(frames.size(), 3U) << "in parts of " << part;
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(frames[static_cast<size_t>(i)], Frame(kFrameSize, i)) << "in parts of " << part;
    }
  }
}

TEST_F(PasstBackendTest, SaysNothingOfFramesWhilePaused) {
  backend_->PauseReceiving(0);
  backend_->PauseReceiving(0);
  Say(Framed(Frame(kFrameSize, 1)));
  RunOnce();
  EXPECT_EQ(events_.readable, 0);
  EXPECT_EQ(Receive().frame, Frame(kFrameSize, 1));
}

TEST_F(PasstBackendTest, ResumesReceiving) {
  backend_->PauseReceiving(0);
  Say(Framed(Frame(kFrameSize, 1)));
  ASSERT_TRUE(backend_->ResumeReceiving(0).ok());
  ASSERT_TRUE(backend_->ResumeReceiving(0).ok());
  io_->Run();
  EXPECT_EQ(events_.readable, 1);
}

TEST_F(PasstBackendTest, LengthsThatNoFrameHasEndTheLink) {
  for (const uint32_t length : {0U, 13U, static_cast<uint32_t>(kMaxFrameSize + 1), 0xffffffffU}) {
    SetUp();
    Bytes bytes;
    for (int shift = 24; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<std::byte>(length >> shift));
    }
    Say(bytes);
    EXPECT_EQ(Receive().error, EPROTO) << length;
    Say(Framed(Frame(kFrameSize, 1)));
    EXPECT_EQ(Receive().error, EPROTO) << length;
    EXPECT_EQ(Send(Frame(kFrameSize, 1)), EPROTO);
    backend_->Stop();
    EXPECT_EQ(backend_->Start(0, events_).code(), absl::StatusCode::kUnavailable);
    backend_->Close();
  }
}

TEST_F(PasstBackendTest, LinkThatSendingEndsIsLostForReceiving) {
  // A descriptor is watched once: the backend cannot wait.
  ASSERT_TRUE(io_->Watch(writability_, [] {}).ok());
  int error = 0;
  while (error == 0) error = Send(Frame(kMaxFrameSize, 1));
  EXPECT_EQ(error, ENOMEM);
  Say(Framed(Frame(kFrameSize, 2)));
  RunOnce();
  EXPECT_EQ(events_.readable, 1);
  EXPECT_EQ(Receive().error, ENOMEM);
  // And where nobody waited for frames at that time.
  backend_->PauseReceiving(0);
  ASSERT_TRUE(backend_->ResumeReceiving(0).ok());
  backend_->Stop();
  EXPECT_EQ(backend_->Start(0, events_).code(), absl::StatusCode::kUnavailable);
}

TEST_F(PasstBackendTest, TheEndOfPasstIsTheEndOfTheLink) {
  Say(Framed(Frame(kFrameSize, 1)));
  const Bytes framed = Framed(Frame(kFrameSize, 2));
  Say({framed.begin(), framed.begin() + 10});
  peer_ = OwnedFd();
  EXPECT_EQ(Send(Frame(kFrameSize, 3)), EPIPE);
  EXPECT_EQ(Receive().frame, Frame(kFrameSize, 1)) << "what it said before";
  EXPECT_EQ(Receive().error, EAGAIN) << "half a frame";
  EXPECT_EQ(Receive().error, ECONNRESET);
  EXPECT_EQ(Receive().error, ECONNRESET);
}

TEST_F(PasstBackendTest, CloseTellsPasst) {
  backend_->Stop();
  backend_->Close();
  std::array<std::byte, 1> byte{};
  EXPECT_EQ(::recv(peer_.get(), byte.data(), byte.size(), 0), 0);
}

}  // namespace
}  // namespace mayfly::virtio
