// VMs with network cards.

#include <fcntl.h>
#include <sched.h>

#include <string>

#include "api/testing/passt.h"
#include "tests/bench/bench_tap.h"
#include "tests/bench/net_peer.h"
#include "tests/jail/rules_used_test.h"
#include "virtio/net/testing/own_network.h"

namespace mayfly::testing {
namespace {

// Only for as long as it lives.
class OwnNetwork final {
 public:
  OwnNetwork() : before_(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) {
    EXPECT_EQ(virtio::EnterEmptyNetwork(), absl::OkStatus());
  }
  OwnNetwork(const OwnNetwork&) = delete;
  OwnNetwork& operator=(const OwnNetwork&) = delete;
  ~OwnNetwork() { EXPECT_EQ(::setns(before_.get(), CLONE_NEWNET), 0); }

 private:
  const OwnedFd before_;
};

using api::testing::HasPasst;
using api::testing::kNeedsPasst;
using NetRulesTest = RulesUsedTest;

TEST_F(NetRulesTest, Tap) {
  const OwnNetwork network;
  const auto tap = bench::BenchTap::Create("rules0");
  if (!tap.ok()) GTEST_SKIP() << "runs where /dev/net/tun is: " << tap.status();
  const auto peer = bench::NetPeer::Start(tap->index());
  ASSERT_TRUE(peer.ok()) << peer.status();
  Expect0("netbench", {"--net", "tap=rules0,mac=02:00:00:00:00:02", "--cmdline", "ms=20"});
}

TEST_F(NetRulesTest, TapOfManyQueues) {
  const OwnNetwork network;
  Expect0("netbench",
          {"--net", "tap=rules0,queues=2", "--cpus", "2", "--cmdline", "cases=tx-64 ms=20"});
}

TEST_F(NetRulesTest, Passt) {
  if (!HasPasst()) GTEST_SKIP() << kNeedsPasst;
  Expect0("dhcp", {"--net", "user", "--timeout", "30s"});
}

TEST_F(NetRulesTest, Limits) {
  Expect0("netbench", {"--net", "none,tx-pps=1000:10", "--cmdline", "cases=tx-64 ms=20"});
}

}  // namespace
}  // namespace mayfly::testing
