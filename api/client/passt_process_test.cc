#include "api/client/passt_process.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/testing/passt.h"
#include "base/status.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr int kPatienceMilliseconds = 20000;
constexpr Bytes::value_type kGuestMac[] = {0x02, 0, 0, 0, 0, 1};

[[nodiscard]] Bytes Join(std::initializer_list<Bytes> pieces) {
  Bytes all;
  for (const Bytes& piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
  return all;
}

[[nodiscard]] Bytes Be16(unsigned value) {
  return {static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}

// The Internet checksum (RFC 1071) of an even number of bytes.
[[nodiscard]] Bytes Checksum(const Bytes& bytes) {
  unsigned sum = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) sum += (unsigned{bytes[i]} << 8) + bytes[i + 1];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return Be16(~sum & 0xffff);
}

[[nodiscard]] Bytes Mac() { return {std::begin(kGuestMac), std::end(kGuestMac)}; }

[[nodiscard]] Bytes BroadcastFrame(unsigned type, const Bytes& payload) {
  return Join({Bytes(6, 0xff), Mac(), Be16(type), payload});
}

// A DHCPDISCOVER (RFC 2131), as a guest broadcasts it.
[[nodiscard]] Bytes DhcpDiscover() {
  const Bytes bootp = Join({{1, 1, 6, 0},
                            {1, 2, 3, 4},
                            Bytes(20),
                            Mac(),
                            Bytes(10 + 192),
                            {0x63, 0x82, 0x53, 0x63},
                            {53, 1, 1},
                            {255},
                            Bytes(60)});
  const Bytes udp =
      Join({Be16(68), Be16(67), Be16(static_cast<unsigned>(8 + bootp.size())), Be16(0), bootp});
  const auto header = [&](const Bytes& checksum) {
    return Join({{0x45, 0},
                 Be16(static_cast<unsigned>(20 + udp.size())),
                 Bytes(4),
                 {64, 17},
                 checksum,
                 Bytes(4),
                 Bytes(4, 0xff)});
  };
  return BroadcastFrame(0x0800, Join({header(Checksum(header(Be16(0)))), udp}));
}

[[nodiscard]] bool IsDhcpOffer(const Bytes& frame) {
  return frame.size() > 14 + 20 + 8 + 240 && frame[12] == 8 && frame[13] == 0 &&
         frame[23] == IPPROTO_UDP && frame[36] == 0 && frame[37] == 68 && frame[42] == 2;
}

// The guest's side of the stream.
class Guest final {
 public:
  explicit Guest(OwnedFd socket) : socket_(std::move(socket)) {}

  void Send(const Bytes& frame) const {
    const Bytes framed = Join({Be16(0), Be16(static_cast<unsigned>(frame.size())), frame});
    EXPECT_EQ(::send(socket_.get(), framed.data(), framed.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(framed.size()));
  }
  // The first frame that `wanted` wants.
  [[nodiscard]] std::optional<Bytes> Receive(
      const std::function<bool(const Bytes&)>& wanted) const {
    while (true) {
      Bytes length(4);
      if (!ReadAll(length)) return std::nullopt;
      Bytes frame((size_t{length[2]} << 8) + length[3]);
      if (!ReadAll(frame)) return std::nullopt;
      if (wanted(frame)) return frame;
    }
  }

 private:
  [[nodiscard]] bool ReadAll(Bytes& bytes) const {
    for (size_t done = 0; done < bytes.size();) {
      pollfd readable{.fd = socket_.get(), .events = POLLIN, .revents = 0};
      if (::poll(&readable, 1, kPatienceMilliseconds) != 1) return false;
      const ssize_t got = ::recv(socket_.get(), &bytes[done], bytes.size() - done, 0);
      if (got <= 0) return false;
      done += static_cast<size_t>(got);
    }
    return true;
  }

  OwnedFd socket_;
};

// A TCP socket bound to a port of the system's choice, on all addresses.
class BoundPort final {
 public:
  BoundPort() : socket_(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    socklen_t size = sizeof address;
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_.get(), raw, size), 0);
    EXPECT_EQ(::listen(socket_.get(), 1), 0);
    EXPECT_EQ(::getsockname(socket_.get(), raw, &size), 0);
    port_ = ntohs(address.sin6_port);
  }
  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  OwnedFd socket_;
  uint16_t port_ = 0;
};

[[nodiscard]] uint16_t FreePort() { return BoundPort().port(); }

class PasstProcessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::HasPasst()) GTEST_SKIP() << testing::kNeedsPasst;
  }
};

TEST(PasstProgram, SaysWhatToInstall) {
  const char* const inherited = std::getenv("PATH");
  const std::string path = inherited == nullptr ? "" : inherited;
  ASSERT_EQ(::setenv("PATH", "/nonexistent", 1), 0);
  const auto missing = PasstProcess::FindProgram();
  ASSERT_EQ(::setenv("PATH", path.c_str(), 1), 0);
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(ToStd(missing.status().message()).find("install the package passt"),
            std::string_view::npos);
}

TEST(PasstProgram, CanBeNamed) {
  ASSERT_EQ(::setenv("MAYFLY_PASST", "/nonexistent/passt", 1), 0);
  const auto wrong = PasstProcess::FindProgram();
  ASSERT_EQ(::setenv("MAYFLY_PASST", "/bin/true", 1), 0);
  const auto right = PasstProcess::FindProgram();
  ASSERT_EQ(::unsetenv("MAYFLY_PASST"), 0);
  EXPECT_NE(ToStd(wrong.status().message()).find("/nonexistent/passt"), std::string_view::npos);
  EXPECT_TRUE(right.ok()) << right.status();
}

TEST_F(PasstProcessTest, GivesTheGuestAnAddress) {
  auto passt = PasstProcess::Start({.forwards = {}, .mtu = 1400});
  ASSERT_TRUE(passt.ok()) << passt.status();
  const Guest guest(passt->TakeSocket());
  guest.Send(DhcpDiscover());
  EXPECT_TRUE(guest.Receive(IsDhcpOffer).has_value());
}

TEST_F(PasstProcessTest, EndsWithTheVm) {
  auto passt = PasstProcess::Start({});
  ASSERT_TRUE(passt.ok()) << passt.status();
  {
    const Guest guest(passt->TakeSocket());
    guest.Send(DhcpDiscover());
    EXPECT_TRUE(guest.Receive(IsDhcpOffer).has_value());
  }
  EXPECT_EQ(passt->DescribeFailure(), std::nullopt);
}

TEST_F(PasstProcessTest, ForwardsAPort) {
  const uint16_t host_port = FreePort();
  constexpr uint16_t kGuestPort = 8080;
  auto passt = PasstProcess::Start({.forwards = {{.protocol = PasstForward::Protocol::kTcp,
                                                  .host = host_port,
                                                  .guest = kGuestPort}},
                                    .mtu = 0});
  ASSERT_TRUE(passt.ok()) << passt.status();
  const Guest guest(passt->TakeSocket());
  guest.Send(DhcpDiscover());
  ASSERT_TRUE(guest.Receive(IsDhcpOffer).has_value());

  const OwnedFd client(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(host_port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  (void)::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const auto syn = guest.Receive([](const Bytes& frame) {
    return frame.size() >= 54 && frame[23] == IPPROTO_TCP && frame[36] == kGuestPort >> 8 &&
           frame[37] == (kGuestPort & 0xff);
  });
  EXPECT_TRUE(syn.has_value());
}

TEST_F(PasstProcessTest, SaysWhichPortIsTaken) {
  const BoundPort taken;
  auto passt = PasstProcess::Start(
      {.forwards = {{.protocol = PasstForward::Protocol::kTcp, .host = taken.port(), .guest = 80}},
       .mtu = 0});
  ASSERT_TRUE(passt.ok()) << passt.status();
  pollfd ended{.fd = passt->process().pidfd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&ended, 1, kPatienceMilliseconds), 1);
  const auto failure = passt->DescribeFailure();
  ASSERT_TRUE(failure.has_value());
  EXPECT_NE(failure->find("exited with status 1"), std::string::npos) << *failure;
  EXPECT_NE(failure->find(std::to_string(taken.port())), std::string::npos) << *failure;
}

TEST_F(PasstProcessTest, RefusesPortZero) {
  EXPECT_EQ(PasstProcess::Start({.forwards = {{.host = 0, .guest = 80}}, .mtu = 0}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace mayfly::api
