// More queue pairs than one, and their number changed again and again (virtio 1.2, 5.1.6.5.5), on a
// card of two.

#include <array>
#include <cstring>

#include "tests/hostile/guest/attack.h"
#include "tests/hostile/guest/cpus.h"

namespace mayfly::hostile {
namespace {

constexpr std::chrono::milliseconds kStorm{300};
constexpr uint32_t kSecondSend = 3;
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
  while (guest::Now() < deadline) nic.Refill(nic.control());
  ExpectAlive(stage.bystander);
  const uint16_t last = ring.available_index();
  Expect(Await([&] { return ring.used_index() == last; }), "the device catches up");
  Expect(!nic.needs_reset(), "it needs no reset");
  SetOutcome("served one by one");
  Expect(nic.Begin(), "the card begins anew");
  ExpectNicAlive(nic);
}

// With a frame for nobody.
void FillSendQueues(Nic& nic) {
  nic.Address(Nic::kSink);
  for (const uint32_t queue : {Nic::kSend, kSecondSend}) nic.Fill(queue, Nic::kSmallest);
}

void ExpectAllSent(Nic& nic) {
  for (const uint32_t queue : {Nic::kSend, kSecondSend}) {
    const Ring& ring = nic.ring(queue);
    Expect(ring.available_index() != 0, "something was sent");
    Expect(Await([&] { return ring.used_index() == ring.available_index(); }),
           "the device catches up");
  }
  Expect(!nic.needs_reset(), "it needs no reset");
  Expect(nic.Begin(), "the card begins anew");
  ExpectNicAlive(nic);
}

// Each CPU has a queue of its own.
void FloodOfEveryPair(Stage& stage) {
  Nic& nic = *stage.nic;
  BeginWithPairs(nic);
  Expect(UsePairs(nic, 2), "the number is taken");
  FillSendQueues(nic);
  {
    const Meanwhile other([&nic](uint64_t) { nic.Refill(kSecondSend); });
    const std::chrono::nanoseconds deadline = guest::Now() + kStorm;
    while (guest::Now() < deadline) nic.Refill(Nic::kSend);
    ExpectAlive(stage.bystander);
  }
  SetOutcome("sent");
  ExpectAllSent(nic);
}

// What is in a queue that is not used waits until it is.
void PairsChangeInAFlood(Stage& stage) {
  Nic& nic = *stage.nic;
  BeginWithPairs(nic);
  FillSendQueues(nic);
  {
    const Meanwhile other(
        [&nic](uint64_t turn) { nic.Refill(turn % 2 == 0 ? Nic::kSend : kSecondSend); });
    const std::chrono::nanoseconds deadline = guest::Now() + kStorm;
    while (guest::Now() < deadline) {
      Expect(UsePairs(nic, 2) && UsePairs(nic, 1), "the number is taken");
    }
    ExpectAlive(stage.bystander);
  }
  Expect(UsePairs(nic, 2), "the number is taken");
  SetOutcome("sent");
  ExpectAllSent(nic);
}

void LoopInTheSecondPair(Stage& stage) {
  Nic& nic = *stage.nic;
  BeginWithPairs(nic);
  Expect(UsePairs(nic, 2), "the number is taken");
  nic.Offer(kSecondSend, {ToDevice(AddressOf(&nic.header()), virtio::kNetHeaderSize, 0)});
  ExpectNicBreak(nic);
}

constexpr auto kAttacks = std::to_array<Attack>({
    {"pairs_without_buffers", PairsWithoutBuffers},
    {"pairs_come_and_go", PairsComeAndGo},
    {"flood_of_pairs", FloodOfPairs},
    {"flood_of_every_pair", FloodOfEveryPair},
    {"pairs_change_in_a_flood", PairsChangeInAFlood},
    {"loop_in_the_second_pair", LoopInTheSecondPair},
});

}  // namespace

std::span<const Attack> NetPairsAttacks() { return kAttacks; }

}  // namespace mayfly::hostile
