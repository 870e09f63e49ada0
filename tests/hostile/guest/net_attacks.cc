// Packets, buffers and commands that virtio-net does not have (virtio 1.2, 5.1.6), and more of them
// than anybody needs.

#include <array>
#include <cstring>

#include "tests/hostile/guest/attack.h"
#include "tests/hostile/guest/cpus.h"

namespace mayfly::hostile {
namespace {

constexpr std::chrono::milliseconds kStorm{300};
constexpr uint64_t kOffloads = kNetChecksum | kNetHostTso4 | kNetHostTso6 | kNetHostUso;

constexpr uint8_t kNeedsChecksum = 1;
constexpr uint8_t kGsoTcp4 = 1;
constexpr uint8_t kGsoUdpFragments = 3;
constexpr uint8_t kGsoTcp6 = 4;
constexpr uint8_t kGsoUdp = 5;
constexpr uint8_t kGsoEcn = 0x80;

// A TCP packet in an Ethernet frame: where its parts begin, and how long it is.
constexpr size_t kIp = 14;
constexpr size_t kTcp = kIp + 20;
constexpr size_t kTcpChecksum = 16;  // in the TCP header
constexpr size_t kPayload = kTcp + 20;
constexpr size_t kTcpFrame = kPayload + 1000;

void Put16(std::span<std::byte> at, unsigned value) {
  at[0] = static_cast<std::byte>(value >> 8);
  at[1] = static_cast<std::byte>(value);
}

// Fills frame() with such a packet, as good as any, from this card, and header() with what makes
// the host segment it.
void MakeTcpPacket(Nic& nic) {
  constexpr unsigned kIpv4 = 0x0800;
  constexpr unsigned kVersionAndLength = 0x4500;
  constexpr unsigned kTimeToLiveAndTcp = 0x4006;
  constexpr unsigned kDataOffsetAndAck = 0x5010;
  nic.Address(Nic::kSink);
  const std::span<std::byte> frame = nic.frame();
  std::memset(frame.data() + kIp, 0, kTcpFrame - kIp);
  Put16(frame.subspan(kIp - 2), kIpv4);
  Put16(frame.subspan(kIp), kVersionAndLength);
  Put16(frame.subspan(kIp + 2), kTcpFrame - kIp);
  Put16(frame.subspan(kIp + 8), kTimeToLiveAndTcp);
  Put16(frame.subspan(kIp + 12), 0xc000);  // 192.0.2.1 to 192.0.2.2
  Put16(frame.subspan(kIp + 14), 0x0201);
  Put16(frame.subspan(kIp + 16), 0xc000);
  Put16(frame.subspan(kIp + 18), 0x0202);
  Put16(frame.subspan(kTcp + 12), kDataOffsetAndAck);
  nic.header() = {.flags = kNeedsChecksum,
                  .gso_type = kGsoTcp4,
                  .header_length = kPayload,
                  .gso_size = 500,
                  .checksum_start = kTcp,
                  .checksum_offset = kTcpChecksum,
                  .num_buffers = 0};
}

void ExpectNicAlive(Nic& nic) {
  Expect(nic.Echoes(), "the card works on");
  Expect(!nic.needs_reset(), "it needs no reset");
}

void ExpectNicBreak(Nic& nic) {
  SetOutcome("needs reset");
  Expect(nic.AwaitNeedsReset(), "the device asks for a reset");
  const uint16_t used = nic.ring(Nic::kSend).used_index();
  for (uint32_t kick = 0; kick < 300; ++kick) nic.registers().Kick(kick % 3);
  Expect(nic.needs_reset(), "it still asks for a reset");
  Expect(nic.ring(Nic::kSend).used_index() == used, "it does nothing more");
}

// The packet with a header that lies, which must not get out: `lie` changes the header (and the
// frame) of a good one. The wire sees to it that nothing comes of it.
template <typename Function>
void Lies(Stage& stage, uint64_t features, Function lie) {
  Nic& nic = *stage.nic;
  Expect(nic.Begin(Nic::kUsualFeatures | features), "the card takes its offloads");
  MakeTcpPacket(nic);
  const size_t bytes = lie(nic.header(), nic.frame());
  Expect(nic.Send(bytes), "the device returns the chain");
  SetOutcome("dropped");
  ExpectNicAlive(nic);
}

void ChecksumBeyondTheFrame(Stage& stage) {
  Lies(stage, kOffloads, [](NetHeader& header, std::span<std::byte>) {
    header.gso_type = 0;
    header.checksum_start = 0xfff0;
    return kTcpFrame;
  });
}

void ChecksumOffsetBeyondTheFrame(Stage& stage) {
  Lies(stage, kOffloads, [](NetHeader& header, std::span<std::byte>) {
    header.gso_type = 0;
    header.checksum_offset = 0xffff;
    return kTcpFrame;
  });
}

// Both together are one less than they are: 0xfffe in 16 bits.
void ChecksumThatWraps(Stage& stage) {
  Lies(stage, kOffloads, [](NetHeader& header, std::span<std::byte>) {
    header.gso_type = 0;
    header.checksum_start = 0xffff;
    header.checksum_offset = 0xffff;
    return kTcpFrame;
  });
}

// Written over the sender's address, after the filter has looked at it.
void ChecksumOverTheMacAddress(Stage& stage) {
  Lies(stage, kOffloads, [](NetHeader& header, std::span<std::byte>) {
    header.gso_type = 0;
    header.checksum_start = 0;
    header.checksum_offset = Nic::kMacBytes;
    return kTcpFrame;
  });
}

void ChecksumOverTheIpAddress(Stage& stage) {
  Lies(stage, kOffloads, [](NetHeader& header, std::span<std::byte>) {
    header.gso_type = 0;
    header.checksum_start = kIp;
    header.checksum_offset = 12;
    return kTcpFrame;
  });
}

void SegmentsWithoutAChecksum(Stage& stage) {
  Lies(stage, kOffloads, [](NetHeader& header, std::span<std::byte>) {
    header.flags = 0;
    return kTcpFrame;
  });
}

void SegmentsOfNothing(Stage& stage) {
  Lies(stage, kOffloads, [](NetHeader& header, std::span<std::byte>) {
    header.gso_size = 0;
    return kTcpFrame;
  });
}

void SegmentsOfUnknownTypes(Stage& stage) {
  for (const unsigned type : {2U, 6U, 0x7fU, 0xffU}) {
    Lies(stage, kOffloads, [type](NetHeader& header, std::span<std::byte>) {
      header.gso_type = static_cast<uint8_t>(type);
      return kTcpFrame;
    });
  }
}

void SegmentsOfUdpFragments(Stage& stage) {
  Lies(stage, kOffloads, [](NetHeader& header, std::span<std::byte>) {
    header.gso_type = kGsoUdpFragments;
    return kTcpFrame;
  });
}

void SegmentsOfTheOtherFamily(Stage& stage) {
  Lies(stage, kOffloads, [](NetHeader& header, std::span<std::byte>) {
    header.gso_type = kGsoTcp6;
    return kTcpFrame;
  });
}

void SegmentsOfTheOtherProtocol(Stage& stage) {
  Lies(stage, kOffloads, [](NetHeader& header, std::span<std::byte>) {
    header.gso_type = kGsoUdp;
    return kTcpFrame;
  });
}

void SegmentsWithEcn(Stage& stage) {
  Lies(stage, kOffloads, [](NetHeader& header, std::span<std::byte>) {
    header.gso_type = kGsoTcp4 | kGsoEcn;
    return kTcpFrame;
  });
}

// The frame ends in the middle of the headers that each segment repeats.
void SegmentsWithoutHeaders(Stage& stage) {
  for (const size_t bytes : {kIp + 1, kTcp - 1, kTcp + 1, kPayload - 1}) {
    Lies(stage, kOffloads, [bytes](NetHeader&, std::span<std::byte>) { return bytes; });
  }
}

// The IP header says that it is longer than the frame, the TCP header likewise.
void SegmentsWithHeadersThatLie(Stage& stage) {
  Lies(stage, kOffloads, [](NetHeader&, std::span<std::byte> frame) {
    frame[kIp] = std::byte{0x4f};
    return kTcp + 4;
  });
  Lies(stage, kOffloads, [](NetHeader&, std::span<std::byte> frame) {
    frame[kTcp + 12] = std::byte{0xf0};
    return kPayload + 4;
  });
  Lies(stage, kOffloads, [](NetHeader&, std::span<std::byte> frame) {
    frame[kTcp + 12] = std::byte{0};
    return kTcpFrame;
  });
}

void OffloadsNotNegotiated(Stage& stage) {
  for (const unsigned type : {0U, 1U, 4U, 5U}) {
    Lies(stage, 0, [type](NetHeader& header, std::span<std::byte>) {
      header.gso_type = static_cast<uint8_t>(type);
      return kTcpFrame;
    });
  }
}

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
  nic.Offer(Nic::kSend, {ToDevice(header, kNetHeaderBytes, 1),
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
    const bool in_header = index < kNetHeaderBytes;
    const uint64_t address = in_header ? AddressOf(&nic.header()) + index
                                       : AddressOf(nic.frame().data()) + index - kNetHeaderBytes;
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
  nic.Offer(Nic::kSend, {FromDevice(AddressOf(&nic.header()), kNetHeaderBytes, 1),
                         FromDevice(AddressOf(nic.frame().data()), Nic::kSmallest)});
  Expect(nic.AwaitUsed(Nic::kSend, 1), "the device returns the chain");
  Expect(nic.frame()[0] == before, "it writes nothing there");
  SetOutcome("dropped");
  ExpectNicAlive(nic);
}

void SendLoop(Stage& stage) {
  Nic& nic = *stage.nic;
  nic.Offer(Nic::kSend, {ToDevice(AddressOf(&nic.header()), kNetHeaderBytes, 0)});
  ExpectNicBreak(nic);
}

void SendFromRegisters(Stage& stage) {
  Nic& nic = *stage.nic;
  nic.Offer(Nic::kSend, {ToDevice(AddressOf(&nic.header()), kNetHeaderBytes, 1),
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

// The other CPU changes what the header asks for.
void HeaderChangesMeanwhile(Stage& stage) {
  Nic& nic = *stage.nic;
  Expect(nic.Begin(Nic::kUsualFeatures | kOffloads), "the card takes its offloads");
  nic.Address(Nic::kSink);
  volatile NetHeader& header = nic.header();
  {
    const Meanwhile other([&header](uint64_t turn) {
      header.flags = static_cast<uint8_t>(turn % 2);
      header.gso_type = static_cast<uint8_t>(turn % 7);
      header.gso_size = static_cast<uint16_t>(turn);
      header.checksum_start = static_cast<uint16_t>(turn * 3);
      header.checksum_offset = static_cast<uint16_t>(turn * 7);
    });
    const std::chrono::nanoseconds deadline = guest::Now() + 3 * kStorm;
    while (guest::Now() < deadline && Expect(nic.Send(Nic::kSmallest), "the chain returns")) {
    }
  }
  SetOutcome("dropped, or sent as it was checked");
  ExpectNicAlive(nic);
}

// --- Receiving.

// A buffer for packets that has no room for a header.
void BuffersTooSmall(Stage& stage) {
  Nic& nic = *stage.nic;
  Expect(nic.Begin(Nic::kUsualFeatures, 0), "the card starts without a buffer");
  nic.Offer(Nic::kReceive, {FromDevice(AddressOf(Scratch().data()), kNetHeaderBytes - 1)});
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
    ring.Set(index, FromDevice(AddressOf(Scratch().data()) + index, kNetHeaderBytes + 1));
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
  Expect(nic.Begin(Nic::kUsualFeatures & ~kNetMergeable, 0), "the card starts without a buffer");
  Ring& ring = nic.ring(Nic::kReceive);
  for (uint16_t index = 0; index < ring.size(); ++index) {
    ring.Set(index, FromDevice(AddressOf(Scratch().data()), kNetHeaderBytes + 20));
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
    nic.Offer(Nic::kSend, {ToDevice(AddressOf(&nic.header()), kNetHeaderBytes, 1),
                           ToDevice(AddressOf(nic.frame().data()), Nic::kSmallest)});
    ExpectAlive(stage.bystander);
  }
  SetOutcome(nic.needs_reset() ? "needs reset" : "its own queue overwritten");
}

// --- The control queue.

constexpr uint8_t kMultiqueueClass = 4;
constexpr uint8_t kOffloadsClass = 5;
constexpr uint8_t kOk = 0;

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
  for (const uint64_t features : {Nic::kUsualFeatures, Nic::kUsualFeatures | kNetMultiqueue}) {
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
  for (const uint64_t features : {Nic::kUsualFeatures, Nic::kUsualFeatures | kNetControlOffloads}) {
    Expect(nic.Begin(features), "the card begins anew");
    for (const uint64_t offloads : {~uint64_t{0}, kNetGuestChecksum, uint64_t{1} << 63}) {
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

// --- Floods.

// The frame, in every place of the ring, and the ring refilled as it is emptied.
void Flood(Stage& stage, size_t bytes) {
  Nic& nic = *stage.nic;
  nic.Address(Nic::kSink);
  Ring& ring = nic.ring(Nic::kSend);
  ring.Set(0, ToDevice(AddressOf(&nic.header()), kNetHeaderBytes, 1));
  ring.Set(1, ToDevice(AddressOf(nic.frame().data()), bytes));
  for (uint16_t place = 0; place < ring.size(); ++place) ring.SetAvailable(place, 0);
  uint16_t done = 0;
  const std::chrono::nanoseconds deadline = guest::Now() + kStorm;
  while (guest::Now() < deadline) {
    done = ring.used_index();
    ring.SetAvailableIndex(static_cast<uint16_t>(done + ring.size()));
    nic.registers().Kick(Nic::kSend);
  }
  ExpectAlive(stage.bystander);
  const uint16_t last = ring.available_index();
  Expect(Await([&] { return ring.used_index() == last; }), "the device catches up");
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
    Ring& ring = nic.ring(Nic::kSend);
    ring.Set(0, ToDevice(AddressOf(&nic.header()), kNetHeaderBytes, 1));
    ring.Set(1, ToDevice(AddressOf(nic.frame().data()), Nic::kSmallest));
    for (uint16_t place = 0; place < ring.size(); ++place) ring.SetAvailable(place, 0);
    ring.SetAvailableIndex(ring.size());
    nic.registers().Kick(Nic::kSend);
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
    {"checksum_beyond_the_frame", ChecksumBeyondTheFrame},
    {"checksum_offset_beyond_the_frame", ChecksumOffsetBeyondTheFrame},
    {"checksum_that_wraps", ChecksumThatWraps},
    {"checksum_over_the_mac_address", ChecksumOverTheMacAddress},
    {"checksum_over_the_ip_address", ChecksumOverTheIpAddress},
    {"segments_without_a_checksum", SegmentsWithoutAChecksum},
    {"segments_of_nothing", SegmentsOfNothing},
    {"segments_of_unknown_types", SegmentsOfUnknownTypes},
    {"segments_of_udp_fragments", SegmentsOfUdpFragments},
    {"segments_of_the_other_family", SegmentsOfTheOtherFamily},
    {"segments_of_the_other_protocol", SegmentsOfTheOtherProtocol},
    {"segments_with_ecn", SegmentsWithEcn},
    {"segments_without_headers", SegmentsWithoutHeaders},
    {"segments_with_headers_that_lie", SegmentsWithHeadersThatLie},
    {"offloads_not_negotiated", OffloadsNotNegotiated},
    {"packets_too_short", PacketsTooShort},
    {"packets_of_nothing", PacketsOfNothing},
    {"packets_too_long", PacketsTooLong},
    {"packet_in_pieces", PacketInPieces},
    {"packets_to_be_written", PacketsToBeWritten},
    {"send_loop", SendLoop},
    {"send_from_registers", SendFromRegisters},
    {"forged_sender", ForgedSender},
    {"sender_forged_meanwhile", SenderForgedMeanwhile},
    {"header_changes_meanwhile", HeaderChangesMeanwhile},
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
