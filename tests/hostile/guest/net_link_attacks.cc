// What the peer at the other end of the cable can do to a card, while the guest does what it can.
// The peer begins when it is sent a frame of Nic::kMischief; which mischief, only the test knows.

#include <array>

#include "tests/hostile/guest/attack.h"

namespace mayfly::hostile {
namespace {

constexpr std::chrono::milliseconds kStorm{300};

void AskForMischief(Nic& nic) {
  nic.Address(Nic::kMischief);
  Expect(nic.Send(Nic::kSmallest), "the device returns the chain");
}

// That there is no network any more, and nothing else: the card is alive (virtio 1.2, 5.1.4).
void ExpectLinkLost(Stage& stage) {
  Nic& nic = *stage.nic;
  Expect(Await([&] { return !nic.has_link(); }), "the card says that it has no network");
  Expect((nic.registers().Read(virtio::MmioRegister::kInterruptStatus) &
          virtio::kInterruptConfigChange) != 0,
         "it tells by an interrupt");
  const std::chrono::nanoseconds deadline = guest::Now() + kStorm;
  while (guest::Now() < deadline) {
    for (uint32_t queue = 0; queue < 3; ++queue) nic.registers().Kick(queue);
  }
  Expect(!nic.needs_reset(), "it needs no reset");
  stage.link_is_lost = true;
  SetOutcome("no link");
}

void LosesTheLink(Stage& stage) {
  AskForMischief(*stage.nic);
  ExpectLinkLost(stage);
}

void EndInAFlood(Stage& stage) {
  Nic& nic = *stage.nic;
  AskForMischief(nic);
  nic.Address(Nic::kSink);
  nic.Fill(Nic::kSend, Nic::kSmallest);
  Expect(Await([&] {
           nic.Refill(Nic::kSend);
           return !nic.has_link();
         }),
         "the end comes");
  ExpectLinkLost(stage);
}

// The rest of it comes after the reset, with the frame behind it.
void ResetInAFrame(Stage& stage) {
  Nic& nic = *stage.nic;
  AskForMischief(nic);
  for (int round = 0; round < 10; ++round) Expect(nic.Begin(), "the card begins anew");
  ExpectNicAlive(nic);
  SetOutcome("served");
}

void FramesByteByByte(Stage& stage) {
  Nic& nic = *stage.nic;
  AskForMischief(nic);
  for (int frame = 0; frame < 100; ++frame) ExpectNicAlive(nic);
  SetOutcome("served");
}

// And no buffers for them.
void FloodFromThePeer(Stage& stage) {
  Nic& nic = *stage.nic;
  Expect(nic.Begin(Nic::kUsualFeatures, 0), "the card starts without a buffer");
  AskForMischief(nic);
  for (int round = 0; round < 10; ++round) ExpectAlive(stage.bystander);
  Expect(nic.Begin(Nic::kUsualFeatures), "the card begins anew, with some");
  Expect(Await([&] { return nic.ring(Nic::kReceive).used_index() == Nic::kReceiveBuffers; }),
         "they are filled");
  Expect(!nic.needs_reset(), "it needs no reset");
  SetOutcome("served as far as there are buffers");
}

// Nothing is taken any more: the guest has to wait, and nobody else.
void FloodToADeafPeer(Stage& stage) {
  Nic& nic = *stage.nic;
  AskForMischief(nic);
  nic.Address(Nic::kSink);
  nic.Fill(Nic::kSend, Nic::kSmallest);
  const Ring& ring = nic.ring(Nic::kSend);
  Expect(Await([&] {
           const uint16_t used = ring.used_index();
           nic.Refill(Nic::kSend);
           // By then the card has had its turn.
           for (int round = 0; round < 10; ++round) ExpectAlive(stage.bystander);
           return ring.used_index() == used;
         }),
         "nothing goes out any more");
  Expect(nic.has_link() && !nic.needs_reset(), "there is a link, and no need for a reset");
  SetOutcome("waits");
}

constexpr auto kAttacks = std::to_array<Attack>({
    {"length_of_nothing", LosesTheLink},
    {"length_too_short", LosesTheLink},
    {"length_too_long", LosesTheLink},
    {"length_of_all_ones", LosesTheLink},
    {"end_of_the_peer", LosesTheLink},
    {"end_in_a_length", LosesTheLink},
    {"end_in_a_frame", LosesTheLink},
    {"end_in_a_flood", EndInAFlood},
    {"reset_in_a_frame", ResetInAFrame},
    {"frames_byte_by_byte", FramesByteByByte},
    {"flood_from_the_peer", FloodFromThePeer},
    {"flood_to_a_deaf_peer", FloodToADeafPeer},
});

}  // namespace

std::span<const Attack> NetLinkAttacks() { return kAttacks; }

}  // namespace mayfly::hostile
