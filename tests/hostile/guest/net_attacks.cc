// Packets that virtio-net does not have (virtio 1.2, 5.1.6.2), and more of them than anybody needs.

#include <array>
#include <cstring>

#include "tests/hostile/guest/attack.h"
#include "tests/hostile/guest/cpus.h"

namespace mayfly::hostile {
namespace {

constexpr std::chrono::milliseconds kStorm{300};

// Shorter than a header, than an Ethernet header, or nothing at all.
void PacketsTooShort(Stage& stage) {
  Nic& nic = *stage.nic;
  nic.Address('X');
  const uint64_t header = AddressOf(&nic.header());
  for (const size_t bytes : {1U, 11U, 12U}) {
    nic.Offer(Nic::kSend, {ToDevice(header, bytes)});
    Expect(nic.AwaitUsed(Nic::kSend, 1), "the device returns the chain");
  }
  for (const size_t bytes : {1U, 13U}) Expect(nic.Send(bytes), "the device returns the chain");
  SetOutcome("dropped");
  ExpectNicAlive(nic);
}

void PacketsOfNothing(Stage& stage) {
  Nic& nic = *stage.nic;
  nic.Offer(Nic::kSend, {ToDevice(0, 0)});
  Expect(nic.AwaitUsed(Nic::kSend, 1), "the device returns the chain");
  SetOutcome("dropped");
  ExpectNicAlive(nic);
}

// Larger than any packet: 70 kB, all of RAM, all of RAM over and over.
void PacketsTooLong(Stage& stage) {
  Nic& nic = *stage.nic;
  constexpr size_t kTooLong = 70'000;
  nic.Address('X');
  Expect(nic.Send(kTooLong), "the device returns the chain");
  const uint64_t header = AddressOf(&nic.header());
  nic.Offer(Nic::kSend, {ToDevice(header, virtio::kNetHeaderSize, 1),
                         ToDevice(AddressOf(nic.frame().data()), 1000, 2), ToDevice(0, RamEnd())});
  Expect(nic.AwaitUsed(Nic::kSend, 1), "the device returns the chain");
  Ring& ring = nic.ring(Nic::kSend);
  constexpr uint16_t kTimes = 60;
  for (uint16_t index = 2; index < kTimes; ++index) {
    ring.Set(index, ToDevice(0, RamEnd(), static_cast<uint16_t>(index + 1)));
  }
  ring.Set(kTimes, ToDevice(0, 1));
  ring.Set(1, ToDevice(AddressOf(nic.frame().data()), 1000, 2));
  ring.Offer(0);
  nic.registers().Kick(Nic::kSend);
  Expect(nic.AwaitUsed(Nic::kSend, 1), "the device returns the chain");
  SetOutcome("dropped");
  ExpectNicAlive(nic);
}

// A good frame in pieces of one byte: as many as there are descriptors.
void PacketInPieces(Stage& stage) {
  Nic& nic = *stage.nic;
  nic.Address(Nic::kSink);
  Ring& ring = nic.ring(Nic::kSend);
  const auto last = static_cast<uint16_t>(ring.size() - 1);
  for (uint16_t index = 0; index <= last; ++index) {
    const bool in_header = index < virtio::kNetHeaderSize;
    const uint64_t address = in_header
                                 ? AddressOf(&nic.header()) + index
                                 : AddressOf(nic.frame().data()) + index - virtio::kNetHeaderSize;
    ring.Set(index, index == last ? ToDevice(address, 1)
                                  : ToDevice(address, 1, static_cast<uint16_t>(index + 1)));
  }
  ring.Offer(0);
  nic.registers().Kick(Nic::kSend);
  Expect(nic.AwaitUsed(Nic::kSend, 1), "the device returns the chain");
  SetOutcome("sent");
  ExpectNicAlive(nic);
}

// Buffers for the device to write, where it only reads.
void PacketsToBeWritten(Stage& stage) {
  Nic& nic = *stage.nic;
  nic.Address('X');
  const std::byte before = nic.frame()[0];
  nic.Offer(Nic::kSend, {FromDevice(AddressOf(&nic.header()), virtio::kNetHeaderSize, 1),
                         FromDevice(AddressOf(nic.frame().data()), Nic::kSmallest)});
  Expect(nic.AwaitUsed(Nic::kSend, 1), "the device returns the chain");
  Expect(nic.frame()[0] == before, "it writes nothing there");
  SetOutcome("dropped");
  ExpectNicAlive(nic);
}

void SendLoop(Stage& stage) {
  Nic& nic = *stage.nic;
  nic.Offer(Nic::kSend, {ToDevice(AddressOf(&nic.header()), virtio::kNetHeaderSize, 0)});
  ExpectNicBreak(nic);
}

void SendFromRegisters(Stage& stage) {
  Nic& nic = *stage.nic;
  nic.Offer(Nic::kSend, {ToDevice(AddressOf(&nic.header()), virtio::kNetHeaderSize, 1),
                         ToDevice(nic.registers().address(), Nic::kSmallest)});
  ExpectNicBreak(nic);
}

// From another address than the card's.
void ForgedSender(Stage& stage) {
  Nic& nic = *stage.nic;
  for (unsigned bit = 0; bit < 8 * Nic::kMacBytes; ++bit) {
    nic.Address(Nic::kSink);
    nic.frame()[Nic::kMacBytes + bit / 8] ^= std::byte{1} << bit % 8;
    Expect(nic.Send(Nic::kSmallest), "the device returns the chain");
  }
  SetOutcome("dropped");
  ExpectNicAlive(nic);
}

// The other CPU forges the sender while the device looks at the frame. The wire must see none of
// it.
void SenderForgedMeanwhile(Stage& stage) {
  Nic& nic = *stage.nic;
  nic.Address(Nic::kSink);
  auto* const byte = reinterpret_cast<volatile uint8_t*>(&nic.frame()[Nic::kMacBytes + 5]);
  const uint8_t good = *byte;
  {
    const Meanwhile other([byte, good](uint64_t turn) {
      *byte = static_cast<uint8_t>(turn % 2 == 0 ? good : ~good);
    });
    const std::chrono::nanoseconds deadline = guest::Now() + 3 * kStorm;
    while (guest::Now() < deadline && Expect(nic.Send(Nic::kSmallest), "the chain returns")) {
    }
  }
  SetOutcome("dropped, or sent as it was checked");
  ExpectNicAlive(nic);
}

// --- Floods.

// The frame, in every place of the ring, and the ring refilled as it is emptied.
void Flood(Stage& stage, size_t bytes) {
  Nic& nic = *stage.nic;
  nic.Address(Nic::kSink);
  nic.Fill(Nic::kSend, bytes);
  const std::chrono::nanoseconds deadline = guest::Now() + kStorm;
  while (guest::Now() < deadline) nic.Refill(Nic::kSend);
  ExpectAlive(stage.bystander);
  const Ring& ring = nic.ring(Nic::kSend);
  Expect(Await([&] { return ring.used_index() == ring.available_index(); }),
         "the device catches up");
  Expect(!nic.needs_reset(), "it needs no reset");
  Expect(nic.Begin() && nic.Echoes(), "the card works on");
  SetOutcome("sent");
}

void FloodOfSmallest(Stage& stage) { Flood(stage, Nic::kSmallest); }
void FloodOfLargest(Stage& stage) { Flood(stage, 1514); }
void FloodTooLarge(Stage& stage) { Flood(stage, size_t{128} << 10); }

// What is sent comes back, as fast as it can.
void FloodOfEchoes(Stage& stage) {
  Nic& nic = *stage.nic;
  const std::chrono::nanoseconds deadline = guest::Now() + 2 * kStorm;
  while (guest::Now() < deadline && Expect(nic.Echoes(), "every echo comes")) {
  }
  ExpectAlive(stage.bystander);
  SetOutcome("served");
}

void ResetsInAFlood(Stage& stage) {
  Nic& nic = *stage.nic;
  for (int round = 0; round < 100; ++round) {
    nic.Address(Nic::kEcho);
    nic.Fill(Nic::kSend, Nic::kSmallest);
    nic.Refill(Nic::kSend);
    nic.registers().Reset();
    Expect(nic.Begin(), "the card begins anew");
  }
  SetOutcome("given up and begun anew");
  ExpectNicAlive(nic);
}

void KicksOfAllQueues(Stage& stage) {
  const Registers registers = stage.nic->registers();
  OnAllCpus(kStorm,
            [registers](uint64_t turn) { registers.Kick(static_cast<uint32_t>(turn % 4)); });
  ExpectAlive(stage.bystander);
  ExpectNicAlive(*stage.nic);
}

void CardRegistersOfEveryWidth(Stage& stage) {
  Nic& nic = *stage.nic;
  const Registers& registers = nic.registers();
  constexpr auto kStatus = static_cast<uint64_t>(virtio::MmioRegister::kStatus);
  const uint32_t status = registers.status();
  for (uint64_t offset = 0; offset + sizeof(uint64_t) <= virtio::kMmioSize; ++offset) {
    registers.WriteAt<uint8_t>(offset, 0xff);
    registers.WriteAt<uint16_t>(offset, 0xffff);
    if (offset != kStatus) registers.WriteAt<uint32_t>(offset, ~uint32_t{0});
    registers.WriteAt<uint64_t>(offset, ~uint64_t{0});
    static_cast<void>(registers.ReadAt<uint8_t>(offset));
    static_cast<void>(registers.ReadAt<uint16_t>(offset));
    static_cast<void>(registers.ReadAt<uint32_t>(offset));
    static_cast<void>(registers.ReadAt<uint64_t>(offset));
  }
  Expect(registers.status() == status, "the status is the driver's alone");
  ExpectNicAlive(nic);
}

constexpr auto kAttacks = std::to_array<Attack>({
    {"packets_too_short", PacketsTooShort},
    {"packets_of_nothing", PacketsOfNothing},
    {"packets_too_long", PacketsTooLong},
    {"packet_in_pieces", PacketInPieces},
    {"packets_to_be_written", PacketsToBeWritten},
    {"send_loop", SendLoop},
    {"send_from_registers", SendFromRegisters},
    {"forged_sender", ForgedSender},
    {"sender_forged_meanwhile", SenderForgedMeanwhile},
    {"flood_of_smallest", FloodOfSmallest},
    {"flood_of_largest", FloodOfLargest},
    {"flood_too_large", FloodTooLarge},
    {"flood_of_echoes", FloodOfEchoes},
    {"resets_in_a_flood", ResetsInAFlood},
    {"kicks_of_all_queues", KicksOfAllQueues},
    {"card_registers_of_every_width", CardRegistersOfEveryWidth},
});

}  // namespace

std::span<const Attack> NetAttacks() { return kAttacks; }

}  // namespace mayfly::hostile
