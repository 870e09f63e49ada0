// Chains and indices that no driver may write (virtio 1.2, 2.7).

#include <array>

#include "tests/hostile/guest/attack.h"

namespace mayfly::hostile {
namespace {

using virtio::kDescriptorIndirect;
using virtio::kDescriptorNext;
using virtio::kDescriptorSize;
using virtio::kDescriptorWrite;

constexpr uint16_t kFar = 0xffff;

uint64_t Table() { return AddressOf(Scratch().data()); }

// Entries of an indirect table in Scratch().
void SetTable(uint32_t first, std::initializer_list<RingDescriptor> entries) {
  auto* const table = reinterpret_cast<RingDescriptor*>(Scratch().data());
  for (const RingDescriptor& entry : entries) table[first++] = entry;
}

void ShortLoop(Stage& stage) {
  Disk& disk = stage.victim;
  Breaks(disk, {Header(disk, 1), ToDevice(Table(), 1, 0)});
}

void LoopOfOne(Stage& stage) { Breaks(stage.victim, {ToDevice(Table(), 1, 0)}); }

// Of all descriptors there are, the last of which leads back.
void LongLoop(Stage& stage) {
  Ring& ring = stage.victim.ring();
  for (uint16_t index = 0; index < ring.size(); ++index) {
    ring.Set(index, ToDevice(Table(), 1, static_cast<uint16_t>((index + 1) % ring.size())));
  }
  ring.Offer(0);
  stage.victim.Kick();
  ExpectBreak(stage.victim);
}

void LoopWithoutBytes(Stage& stage) {
  Breaks(stage.victim, {ToDevice(0, 0, 1), FromDevice(0, 0, 0)});
}

void NextIsSize(Stage& stage) {
  Disk& disk = stage.victim;
  Breaks(disk, {Header(disk, disk.ring().size())});
}

void NextIsFar(Stage& stage) { Breaks(stage.victim, {Header(stage.victim, kFar)}); }

void HeadIsSize(Stage& stage) {
  Disk& disk = stage.victim;
  Breaks(disk, {Header(disk, 1), Status(disk)}, disk.ring().size());
}

void HeadIsFar(Stage& stage) {
  Disk& disk = stage.victim;
  Breaks(disk, {Header(disk, 1), Status(disk)}, kFar);
}

void ReadableAfterWritable(Stage& stage) {
  Disk& disk = stage.victim;
  Breaks(disk, {Header(disk, 1), FromDevice(Table(), kSectorBytes, 2), ToDevice(Table(), 1, 3),
                Status(disk)});
}

// The longest chain there may be: header, one byte each, status.
void LongestChain(Stage& stage) {
  Disk& disk = stage.victim;
  Ring& ring = disk.ring();
  const auto last = static_cast<uint16_t>(ring.size() - 1);
  ring.Set(0, Header(disk, 1));
  for (uint16_t index = 1; index < last; ++index) {
    ring.Set(index, FromDevice(Table() + index, 1, static_cast<uint16_t>(index + 1)));
  }
  ring.Set(last, Status(disk));
  ring.Offer(0);
  disk.Kick();
  Expect(disk.AwaitUsed(1), "the device returns the chain");
  // Its data is no whole sector.
  Expect(disk.request().status == static_cast<uint8_t>(BlockStatus::kIoError),
         "it refuses what the chain asks for");
  SetOutcome("I/O error");
  ExpectAlive(disk);
}

void IndirectWithinIndirect(Stage& stage) {
  Disk& disk = stage.victim;
  SetTable(0, {Header(disk, 1), Indirect(Table(), 2 * kDescriptorSize)});
  Breaks(disk, {Indirect(Table(), 2 * kDescriptorSize)});
}

// Itself, for ever.
void IndirectOfItself(Stage& stage) {
  SetTable(0, {Indirect(Table(), kDescriptorSize)});
  Breaks(stage.victim, {Indirect(Table(), kDescriptorSize)});
}

void IndirectWithNext(Stage& stage) {
  Disk& disk = stage.victim;
  SetTable(0, {Header(disk, 1), Status(disk)});
  RingDescriptor descriptor = Indirect(Table(), 2 * kDescriptorSize);
  descriptor.flags = kDescriptorIndirect | kDescriptorNext;
  descriptor.next = 1;
  Breaks(disk, {descriptor, Status(disk)});
}

void IndirectNotNegotiated(Stage& stage) {
  Disk& disk = stage.victim;
  Expect(disk.Begin(virtio::kFeatureVersion1), "the device takes a driver without ring features");
  SetTable(0, {Header(disk, 1), Status(disk)});
  Breaks(disk, {Indirect(Table(), 2 * kDescriptorSize)});
}

void IndirectOfNothing(Stage& stage) { Breaks(stage.victim, {Indirect(Table(), 0)}); }

void IndirectOfHalfAnEntry(Stage& stage) {
  Breaks(stage.victim, {Indirect(Table(), 2 * kDescriptorSize + 8)});
}

void IndirectOfFourGigabytes(Stage& stage) {
  Breaks(stage.victim, {Indirect(Table(), 0xffff'fff0)});
}

void IndirectBeyondRam(Stage& stage) {
  Breaks(stage.victim, {Indirect(RamEnd(), 2 * kDescriptorSize)});
}

void IndirectAcrossTheEndOfRam(Stage& stage) {
  Breaks(stage.victim, {Indirect(RamEnd() - kDescriptorSize, 2 * kDescriptorSize)});
}

void IndirectInRegisters(Stage& stage) {
  Disk& disk = stage.victim;
  Breaks(disk, {Indirect(disk.registers().address(), 2 * kDescriptorSize)});
}

void IndirectNextOutside(Stage& stage) {
  Disk& disk = stage.victim;
  SetTable(0, {Header(disk, 2), Status(disk)});
  Breaks(disk, {Indirect(Table(), 2 * kDescriptorSize)});
}

void IndirectLoop(Stage& stage) {
  SetTable(0, {ToDevice(Table(), 1, 1), ToDevice(Table(), 1, 0)});
  Breaks(stage.victim, {Indirect(Table(), 2 * kDescriptorSize)});
}

// A table may be longer than the queue; a chain may not (virtio 1.2, 2.7.5.3.1).
void IndirectLongerThanTheQueue(Stage& stage) {
  Disk& disk = stage.victim;
  const uint32_t entries = disk.ring().size() + 1U;
  for (uint32_t index = 0; index < entries; ++index) {
    const auto next = static_cast<uint16_t>(index + 1);
    SetTable(index, {index + 1 == entries ? Status(disk) : ToDevice(Table(), 1, next)});
  }
  Breaks(disk, {Indirect(Table(), entries * kDescriptorSize)});
}

// The device ignores the flag that says it may write (virtio 1.2, 2.7.5.3.2).
void IndirectWritable(Stage& stage) {
  Disk& disk = stage.victim;
  const uint64_t data = AddressOf(&disk.request().data);
  SetTable(0, {Header(disk, 1), FromDevice(data, kSectorBytes, 2), Status(disk)});
  RingDescriptor descriptor = Indirect(Table(), 3 * kDescriptorSize);
  descriptor.flags = kDescriptorIndirect | kDescriptorWrite;
  Answers(disk, {descriptor}, BlockStatus::kOk);
}

// At an address that no driver chooses for it; nothing forbids it.
void IndirectMisaligned(Stage& stage) {
  Disk& disk = stage.victim;
  const uint64_t data = AddressOf(&disk.request().data);
  SetTable(0, {Header(disk, 1), FromDevice(data, kSectorBytes, 2), Status(disk)});
  const std::span<std::byte> scratch = Scratch();
  std::copy_backward(scratch.begin(), scratch.begin() + 3 * kDescriptorSize,
                     scratch.begin() + 3 * kDescriptorSize + 1);
  Answers(disk, {Indirect(Table() + 1, 3 * kDescriptorSize)}, BlockStatus::kOk);
}

void FlagsThatMeanNothing(Stage& stage) {
  Disk& disk = stage.victim;
  disk.Describe(0, BlockRequestType::kIn, 0, kSectorBytes);
  RingDescriptor status = Status(disk);
  status.flags = static_cast<uint16_t>(0xfff8 | kDescriptorWrite);
  status.next = kFar;
  disk.ring().Set(2, status);
  disk.ring().Offer(0);
  disk.Kick();
  Expect(disk.AwaitUsed(1), "the device returns the chain");
  SetOutcome("served");
  ExpectAlive(disk);
}

// By one more than there are entries.
void IndexJumpsByMoreThanTheRing(Stage& stage) {
  Disk& disk = stage.victim;
  disk.Describe(0, BlockRequestType::kIn, 0, kSectorBytes);
  disk.ring().SetAvailableIndex(static_cast<uint16_t>(disk.ring().size() + 1));
  disk.Kick();
  ExpectBreak(disk);
}

void IndexJumpsHalfAround(Stage& stage) {
  stage.victim.ring().SetAvailableIndex(0x8000);
  stage.victim.Kick();
  ExpectBreak(stage.victim);
}

void IndexGoesBack(Stage& stage) {
  Disk& disk = stage.victim;
  ExpectAlive(disk);
  disk.ring().SetAvailableIndex(0);
  disk.Kick();
  ExpectBreak(disk, 1);
}

// One chain in every place of the ring: the device answers each, into the same status.
void OneChainInEveryPlace(Stage& stage) {
  Disk& disk = stage.victim;
  const uint16_t size = disk.ring().size();
  disk.Describe(0, BlockRequestType::kIn, 0, kSectorBytes);
  for (uint16_t place = 0; place < size; ++place) disk.ring().SetAvailable(place, 0);
  disk.ring().SetAvailableIndex(size);
  disk.Kick();
  Expect(disk.AwaitUsed(size), "the device returns it as often");
  SetOutcome("served");
  ExpectAlive(disk);
}

// Chains that share descriptors: the tail of one is that of the other.
void ChainsWithOneTail(Stage& stage) {
  Disk& disk = stage.victim;
  disk.Describe(0, BlockRequestType::kIn, 0, kSectorBytes);
  disk.ring().Set(3, Header(disk, 1));
  disk.ring().SetAvailable(0, 0);
  disk.ring().SetAvailable(1, 3);
  disk.ring().SetAvailableIndex(2);
  disk.Kick();
  Expect(disk.AwaitUsed(2), "the device returns both");
  SetOutcome("served");
  ExpectAlive(disk);
}

// Good chains first, then a bad one: with it, all that came along is given up.
void GoodOnesFirst(Stage& stage) {
  Disk& disk = stage.victim;
  disk.Describe(0, BlockRequestType::kIn, 0, kSectorBytes);
  disk.ring().SetAvailable(0, 0);
  disk.ring().SetAvailable(1, 0);
  disk.ring().SetAvailable(2, kFar);
  disk.ring().SetAvailable(3, 0);
  disk.ring().SetAvailableIndex(4);
  disk.Kick();
  ExpectBreak(disk);
}

// The wishes for interrupts and kicks hold any number; none may stop the device.
void EventIndicesOfAllKinds(Stage& stage) {
  Disk& disk = stage.victim;
  for (const int event : {0, 1, 0x7fff, 0x8000, 0xffff}) {
    disk.ring().SetUsedEvent(static_cast<uint16_t>(event));
    disk.ring().SetAvailableFlags(static_cast<uint16_t>(event));
    ExpectAlive(disk);
  }
  SetOutcome("served");
}

constexpr auto kAttacks = std::to_array<Attack>({
    {"short_loop", ShortLoop},
    {"loop_of_one", LoopOfOne},
    {"long_loop", LongLoop},
    {"loop_without_bytes", LoopWithoutBytes},
    {"next_is_size", NextIsSize},
    {"next_is_far", NextIsFar},
    {"head_is_size", HeadIsSize},
    {"head_is_far", HeadIsFar},
    {"readable_after_writable", ReadableAfterWritable},
    {"longest_chain", LongestChain},
    {"indirect_within_indirect", IndirectWithinIndirect},
    {"indirect_of_itself", IndirectOfItself},
    {"indirect_with_next", IndirectWithNext},
    {"indirect_not_negotiated", IndirectNotNegotiated},
    {"indirect_of_nothing", IndirectOfNothing},
    {"indirect_of_half_an_entry", IndirectOfHalfAnEntry},
    {"indirect_of_four_gigabytes", IndirectOfFourGigabytes},
    {"indirect_beyond_ram", IndirectBeyondRam},
    {"indirect_across_the_end_of_ram", IndirectAcrossTheEndOfRam},
    {"indirect_in_registers", IndirectInRegisters},
    {"indirect_next_outside", IndirectNextOutside},
    {"indirect_loop", IndirectLoop},
    {"indirect_longer_than_the_queue", IndirectLongerThanTheQueue},
    {"indirect_writable", IndirectWritable},
    {"indirect_misaligned", IndirectMisaligned},
    {"flags_that_mean_nothing", FlagsThatMeanNothing},
    {"index_jumps_by_more_than_the_ring", IndexJumpsByMoreThanTheRing},
    {"index_jumps_half_around", IndexJumpsHalfAround},
    {"index_goes_back", IndexGoesBack},
    {"one_chain_in_every_place", OneChainInEveryPlace},
    {"chains_with_one_tail", ChainsWithOneTail},
    {"good_ones_first", GoodOnesFirst},
    {"event_indices_of_all_kinds", EventIndicesOfAllKinds},
});

}  // namespace

std::span<const Attack> RingAttacks() { return kAttacks; }

}  // namespace mayfly::hostile
