// Receive buffers and commands that virtio-net does not have (virtio 1.2, 5.1.6.3, 5.1.6.5).

#include <array>
#include <cstring>

#include "tests/hostile/guest/attack.h"

namespace mayfly::hostile {
namespace {

// A buffer for packets that has no room for a header.
void BuffersTooSmall(Stage& stage) {
  Nic& nic = *stage.nic;
  Expect(nic.Begin(Nic::kUsualFeatures, 0), "the card starts without a buffer");
  nic.Offer(Nic::kReceive, {FromDevice(AddressOf(Scratch().data()), virtio::kNetHeaderSize - 1)});
  nic.Address(Nic::kEcho);
  static_cast<void>(nic.Send(Nic::kSmallest));
  ExpectNicBreak(nic);
}

void BuffersToBeRead(Stage& stage) {
  Nic& nic = *stage.nic;
  Expect(nic.Begin(Nic::kUsualFeatures, 0), "the card starts without a buffer");
  nic.Offer(Nic::kReceive, {ToDevice(AddressOf(Scratch().data()), Nic::kFrameBytes)});
  nic.Address(Nic::kEcho);
  static_cast<void>(nic.Send(Nic::kSmallest));
  ExpectNicBreak(nic);
}

void BuffersInRegisters(Stage& stage) {
  Nic& nic = *stage.nic;
  Expect(nic.Begin(Nic::kUsualFeatures, 0), "the card starts without a buffer");
  nic.Offer(Nic::kReceive, {FromDevice(nic.registers().address(), Nic::kFrameBytes)});
  nic.Address(Nic::kEcho);
  static_cast<void>(nic.Send(Nic::kSmallest));
  ExpectNicBreak(nic);
}

// Buffers of one byte behind the header: a packet takes a ring full of them.
void BuffersOfAByte(Stage& stage) {
  Nic& nic = *stage.nic;
  Expect(nic.Begin(Nic::kUsualFeatures, 0), "the card starts without a buffer");
  Ring& ring = nic.ring(Nic::kReceive);
  for (uint16_t index = 0; index < ring.size(); ++index) {
    ring.Set(index, FromDevice(AddressOf(Scratch().data()) + index, virtio::kNetHeaderSize + 1));
    ring.Offer(index);
  }
  nic.registers().Kick(Nic::kReceive);
  nic.Address(Nic::kEcho);
  for (int frame = 0; frame < 100; ++frame) {
    Expect(nic.Send(Nic::kSmallest), "the device returns the chain");
  }
  Expect(Await([&] { return ring.used_index() != 0; }), "a packet comes in, in many pieces");
  SetOutcome("served");
  Expect(!nic.needs_reset(), "it needs no reset");
}

// No buffer at all, while packets come in: they are lost, and the VMM does not spin.
void NoBuffers(Stage& stage) {
  Nic& nic = *stage.nic;
  Expect(nic.Begin(Nic::kUsualFeatures, 0), "the card starts without a buffer");
  for (int frame = 0; frame < 2000; ++frame) {
    nic.Address(Nic::kEcho);
    Expect(nic.Send(Nic::kSmallest), "the device returns the chain");
  }
  SetOutcome("lost");
  Expect(!nic.needs_reset(), "it needs no reset");
}

// Without mergeable buffers, of which each must take a whole packet, and does not.
void BuffersTooSmallForPackets(Stage& stage) {
  Nic& nic = *stage.nic;
  Expect(nic.Begin(Nic::kUsualFeatures & ~virtio::kNetFeatureMergeableBuffers, 0),
         "the card starts without a buffer");
  Ring& ring = nic.ring(Nic::kReceive);
  for (uint16_t index = 0; index < ring.size(); ++index) {
    ring.Set(index, FromDevice(AddressOf(Scratch().data()), virtio::kNetHeaderSize + 20));
    ring.Offer(index);
  }
  nic.registers().Kick(Nic::kReceive);
  nic.Address(Nic::kEcho);
  for (int frame = 0; frame < 100; ++frame) {
    Expect(nic.Send(Nic::kSmallest), "the device returns the chain");
  }
  SetOutcome("lost");
  Expect(!nic.needs_reset(), "it needs no reset");
}

// One buffer offered in every place, on top of the ring that offers it.
void BuffersOverTheRing(Stage& stage) {
  Nic& nic = *stage.nic;
  Expect(nic.Begin(Nic::kUsualFeatures, 0), "the card starts without a buffer");
  Ring& ring = nic.ring(Nic::kReceive);
  ring.Set(0, FromDevice(AddressOf(ring.available_bytes().data()), Nic::kFrameBytes));
  for (uint16_t place = 0; place < ring.size(); ++place) ring.SetAvailable(place, 0);
  ring.SetAvailableIndex(ring.size());
  nic.registers().Kick(Nic::kReceive);
  nic.Address(Nic::kEcho);
  for (int frame = 0; frame < 10 && !nic.needs_reset(); ++frame) {
    nic.Offer(Nic::kSend, {ToDevice(AddressOf(&nic.header()), virtio::kNetHeaderSize, 1),
                           ToDevice(AddressOf(nic.frame().data()), Nic::kSmallest)});
    ExpectAlive(stage.bystander);
  }
  SetOutcome(nic.needs_reset() ? "needs reset" : "its own queue overwritten");
}

// --- The control queue.

constexpr auto kMultiqueueClass = static_cast<uint8_t>(virtio::NetControlClass::kMultiqueue);
constexpr auto kOffloadsClass = static_cast<uint8_t>(virtio::NetControlClass::kGuestOffloads);
constexpr auto kOk = static_cast<uint8_t>(virtio::NetControlAck::kOk);

template <typename T>
std::array<std::byte, sizeof(T)> BytesOf(T value) {
  std::array<std::byte, sizeof(T)> bytes;
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

void ExpectRefused(std::optional<uint8_t> answer) {
  Expect(answer && *answer != kOk, "the command is refused");
}

void UnknownCommands(Stage& stage) {
  Nic& nic = *stage.nic;
  for (unsigned command_class = 0; command_class < 0x100; ++command_class) {
    for (const uint8_t command : {uint8_t{1}, uint8_t{0xff}}) {
      ExpectRefused(
          nic.Command(static_cast<uint8_t>(command_class), command, BytesOf(~uint64_t{0})));
    }
  }
  SetOutcome("refused");
  ExpectNicAlive(nic);
}

void PairsThatAreNot(Stage& stage) {
  Nic& nic = *stage.nic;
  for (const uint64_t features :
       {Nic::kUsualFeatures, Nic::kUsualFeatures | virtio::kNetFeatureMultiqueue}) {
    Expect(nic.Begin(features), "the card begins anew");
    for (const unsigned pairs : {0U, 2U, 0x7fffU, 0x8000U, 0x8001U, 0xffffU}) {
      ExpectRefused(nic.Command(kMultiqueueClass, 0, BytesOf(static_cast<uint16_t>(pairs))));
    }
    ExpectRefused(nic.Command(kMultiqueueClass, 0, {}));
  }
  SetOutcome("refused");
  ExpectNicAlive(nic);
}

void OffloadsThatAreNot(Stage& stage) {
  Nic& nic = *stage.nic;
  for (const uint64_t features :
       {Nic::kUsualFeatures, Nic::kUsualFeatures | virtio::kNetFeatureControlGuestOffloads}) {
    Expect(nic.Begin(features), "the card begins anew");
    for (const uint64_t offloads :
         {~uint64_t{0}, virtio::kNetFeatureGuestChecksum, uint64_t{1} << 63}) {
      ExpectRefused(nic.Command(kOffloadsClass, 0, BytesOf(offloads)));
    }
    ExpectRefused(nic.Command(kOffloadsClass, 0, BytesOf(uint32_t{0})));
  }
  SetOutcome("refused");
  ExpectNicAlive(nic);
}

void CommandWithoutAnAnswer(Stage& stage) {
  Nic& nic = *stage.nic;
  nic.Offer(Nic::kControl, {ToDevice(AddressOf(Scratch().data()), 2)});
  ExpectNicBreak(nic);
}

// Of nothing but its answer, and of all of RAM.
void CommandsOfAllSizes(Stage& stage) {
  Nic& nic = *stage.nic;
  auto* const ack = reinterpret_cast<volatile uint8_t*>(Scratch().data() + 64);
  nic.Offer(Nic::kControl, {FromDevice(AddressOf(ack), 1)});
  Expect(nic.AwaitUsed(Nic::kControl, 1) && *ack != kOk, "the command is refused");
  nic.Offer(Nic::kControl,
            {ToDevice(AddressOf(Scratch().data()), 1, 1), FromDevice(AddressOf(ack), 1)});
  Expect(nic.AwaitUsed(Nic::kControl, 1) && *ack != kOk, "the command is refused");
  nic.Offer(Nic::kControl, {ToDevice(0, RamEnd(), 1), FromDevice(AddressOf(ack), 1)});
  Expect(nic.AwaitUsed(Nic::kControl, 1) && *ack != kOk, "the command is refused");
  SetOutcome("refused");
  ExpectNicAlive(nic);
}

constexpr auto kAttacks = std::to_array<Attack>({
    {"buffers_too_small", BuffersTooSmall},
    {"buffers_to_be_read", BuffersToBeRead},
    {"buffers_in_registers", BuffersInRegisters},
    {"buffers_of_a_byte", BuffersOfAByte},
    {"no_buffers", NoBuffers},
    {"buffers_too_small_for_packets", BuffersTooSmallForPackets},
    {"buffers_over_the_ring", BuffersOverTheRing},
    {"unknown_commands", UnknownCommands},
    {"pairs_that_are_not", PairsThatAreNot},
    {"offloads_that_are_not", OffloadsThatAreNot},
    {"command_without_an_answer", CommandWithoutAnAnswer},
    {"commands_of_all_sizes", CommandsOfAllSizes},
});

}  // namespace

std::span<const Attack> NetQueueAttacks() { return kAttacks; }

}  // namespace mayfly::hostile
