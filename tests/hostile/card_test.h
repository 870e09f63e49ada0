#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "tests/hostile/hostile_test.h"
#include "tests/hostile/peer.h"
#include "virtio/net/mac_address.h"

namespace mayfly::hostile {

// A machine with a network card to attack, and somebody at the other end of its cable.
class CardTest : public HostileTest {
 protected:
  static constexpr virtio::MacAddress kMac{{0x02, 0, 0, 0, 0, 0x01}};

  void SetUp() override {
    HostileTest::SetUp();
    if (IsSkipped()) return;
    auto peer = MakePeer();
    if (!peer.ok()) GTEST_SKIP() << "needs a network: " << peer.status();
    peer_ = *std::move(peer);
  }

  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<Peer>> MakePeer() = 0;

  void Equip(vmm::MachineConfig& config) override {
    vmm::NetConfig& net = config.nets.emplace_back();
    net.name = "attacked";
    net.mac = kMac;
    peer_->ConnectTo(net);
  }
  void BeforeTheEnd() override { peer_->MakeUp(); }
  [[nodiscard]] std::string AttackedDevice() const override {
    return "network device 0 (attacked): ";
  }

  void AttackTheCard() {
    Attack(GetParam());
    const Peer::Seen seen = peer_->seen();
    EXPECT_EQ(seen.escaped, 0U) << "a frame that no guest may send: " << seen.first_escaped;
    EXPECT_GT(seen.echoed, 0U) << "not even a good frame came out";
  }

 private:
  std::unique_ptr<Peer> peer_;
};

}  // namespace mayfly::hostile
