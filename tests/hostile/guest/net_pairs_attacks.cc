// Numbers of queue pairs, again and again (virtio 1.2, 5.1.6.5.5), on a card of two.

#include <array>
#include <cstring>

#include "tests/hostile/guest/attack.h"

namespace mayfly::hostile {
namespace {

constexpr std::chrono::milliseconds kStorm{300};
constexpr auto kOk = static_cast<uint8_t>(virtio::NetControlAck::kOk);

struct SetPairs {
  virtio::NetControlHeader header = {
      .command_class = static_cast<uint8_t>(virtio::NetControlClass::kMultiqueue),
      .command = virtio::kNetSetQueuePairs};
  uint16_t pairs = 1;
};

void BeginWithPairs(Nic& nic, uint16_t buffers = Nic::kReceiveBuffers) {
  Expect((nic.registers().OfferedFeatures() & virtio::kNetFeatureMultiqueue) != 0,
         "the card has two queue pairs");
  Expect(nic.Begin(Nic::kUsualFeatures | virtio::kNetFeatureMultiqueue, buffers),
         "the card takes them");
}

[[nodiscard]] bool UsePairs(Nic& nic, uint16_t pairs) {
  return nic.Command(static_cast<uint8_t>(virtio::NetControlClass::kMultiqueue),
                     virtio::kNetSetQueuePairs, std::as_bytes(std::span(&pairs, 1))) == kOk;
}

// Packets wait for which there are no buffers, and the guest asks for as many queues as it has: the
// VMM is not to look at those that wait again and again.
void PairsWithoutBuffers(Stage& stage) {
  Nic& nic = *stage.nic;
  BeginWithPairs(nic, 0);
  for (int frame = 0; frame < 10; ++frame) {
    nic.Address(Nic::kEcho);
    Expect(nic.Send(Nic::kSmallest), "the device returns the chain");
  }
  // Until they have come in, and then.
  const std::chrono::nanoseconds deadline = guest::Now() + kStorm;
  while (guest::Now() < deadline && Expect(UsePairs(nic, 1), "the number is taken")) {
  }
  SetOutcome("nothing changed");
  Expect(!nic.needs_reset(), "it needs no reset");
}

void PairsComeAndGo(Stage& stage) {
  Nic& nic = *stage.nic;
  BeginWithPairs(nic);
  for (int round = 0; round < 500; ++round) {
    Expect(UsePairs(nic, 2) && UsePairs(nic, 1), "the number is taken");
  }
  SetOutcome("served");
  ExpectNicAlive(nic);
}

// A command in every place of the ring, and the ring refilled as it is emptied.
void FloodOfPairs(Stage& stage) {
  Nic& nic = *stage.nic;
  BeginWithPairs(nic);
  Ring& ring = nic.ring(nic.control());
  const std::span<std::byte> scratch = Scratch();
  for (uint16_t pairs = 0; pairs < 2; ++pairs) {
    const SetPairs command = {.pairs = static_cast<uint16_t>(pairs + 1)};
    std::memcpy(&scratch[pairs * sizeof command], &command, sizeof command);
    const auto head = static_cast<uint16_t>(2 * pairs);
    ring.Set(head, ToDevice(AddressOf(&scratch[pairs * sizeof command]), sizeof command,
                            static_cast<uint16_t>(head + 1)));
    ring.Set(static_cast<uint16_t>(head + 1), FromDevice(AddressOf(&scratch[64]), 1));
  }
  for (uint16_t place = 0; place < ring.size(); ++place) {
    ring.SetAvailable(place, static_cast<uint16_t>(2 * (place % 2)));
  }
  const std::chrono::nanoseconds deadline = guest::Now() + kStorm;
  while (guest::Now() < deadline) {
    ring.SetAvailableIndex(static_cast<uint16_t>(ring.used_index() + ring.size()));
    nic.registers().Kick(nic.control());
  }
  ExpectAlive(stage.bystander);
  const uint16_t last = ring.available_index();
  Expect(Await([&] { return ring.used_index() == last; }), "the device catches up");
  Expect(!nic.needs_reset(), "it needs no reset");
  SetOutcome("served one by one");
  Expect(nic.Begin(), "the card begins anew");
  ExpectNicAlive(nic);
}

constexpr auto kAttacks = std::to_array<Attack>({
    {"pairs_without_buffers", PairsWithoutBuffers},
    {"pairs_come_and_go", PairsComeAndGo},
    {"flood_of_pairs", FloodOfPairs},
});

}  // namespace

std::span<const Attack> NetPairsAttacks() { return kAttacks; }

}  // namespace mayfly::hostile
