// The guest that measures networks, for a moment: it comes to its end with a figure for every case,
// and what it says it moved was moved.

#include <cstdint>
#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "tests/bench/bench_tap.h"
#include "tests/bench/guest_report.h"
#include "tests/bench/net_peer.h"
#include "tests/cli/cli_test.h"
#include "virtio/net/testing/own_network.h"

namespace mayfly::testing {
namespace {

using ::testing::HasSubstr;

using NetBenchTest = CliTest;

constexpr const char* kTap = "bench0";
constexpr const char* kMac = "02:00:00:00:00:02";

// Packets from the guest, as its reports have it.
uint64_t PacketsSent(const std::string& output) {
  uint64_t packets = 0;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    const auto report = bench::GuestReport::Parse(line);
    if (report && report->name.starts_with("tx-")) {
      packets += static_cast<uint64_t>(report->At("operations"));
    }
  }
  return packets;
}

TEST_F(NetBenchTest, EveryPacketArrives) {
  if (const absl::Status status = virtio::EnterEmptyNetwork(); !status.ok()) {
    GTEST_SKIP() << "runs for root: " << status;
  }
  const auto tap = bench::BenchTap::Create(kTap);
  if (!tap.ok()) GTEST_SKIP() << "runs where /dev/net/tun is: " << tap.status();
  const auto peer = bench::NetPeer::Start(tap->index());
  ASSERT_TRUE(peer.ok()) << peer.status();
  const CommandResult result =
      RunGuest("netbench",
               {"--net", std::string("tap=") + kTap + ",mac=" + kMac, "--cmdline", "ms=20"})
          .Run();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  for (const char* name : {"tx-64 ", "tx-gso ", "rx-64 ", "rx-gso ", "rr-64 "}) {
    EXPECT_THAT(result.out, HasSubstr(std::string("result ") + name));
  }
  const uint64_t sent = PacketsSent(result.out);
  const auto arrived = tap->PacketsFromGuest();
  ASSERT_TRUE(arrived.ok()) << arrived.status();
  EXPECT_GT(sent, 0U);
  EXPECT_GE(*arrived, sent);
  EXPECT_EQ((*peer)->losses(), 0U);
}

}  // namespace
}  // namespace mayfly::testing
