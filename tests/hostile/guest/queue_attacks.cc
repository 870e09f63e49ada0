// Queues of sizes and at places where none can be (virtio 1.2, 2.7 and 4.2.2.2), and changes of
// what is in use.

#include <array>

#include "tests/hostile/guest/attack.h"

namespace mayfly::hostile {
namespace {

using virtio::kDescriptorSize;
using virtio::kStatusDriverOk;
using virtio::MmioRegister;

// The device must see at DRIVER_OK that this cannot be a queue.
void ExpectNoQueue(Disk& disk, const QueuePlace& place) {
  const uint32_t status = disk.BeginAt(place);
  Expect((status & virtio::kStatusNeedsReset) != 0, "the device asks for a reset at once");
  for (int kick = 0; kick < 10; ++kick) disk.Kick();
  SetOutcome("needs reset");
}

void SizesThatAreNone(Stage& stage) {
  Disk& disk = stage.victim;
  const uint32_t limit = disk.ring().size();
  for (const uint32_t size : {0U, 3U, limit - 1, limit + 1, 2 * limit, 0x8000U, 0x1'0000U,
                              0x1'0001U, 0x8000'0000U, ~0U}) {
    QueuePlace place = disk.ring().place();
    place.size = size;
    ExpectNoQueue(disk, place);
  }
}

// Of one descriptor: too few for a request, but for an indirect one.
void SizeOfOne(Stage& stage) {
  Disk& disk = stage.victim;
  QueuePlace place = disk.ring().place();
  place.size = 1;
  Expect((disk.BeginAt(place) & virtio::kStatusNeedsReset) == 0, "a queue may be that small");
  auto* const table = reinterpret_cast<RingDescriptor*>(Scratch().data());
  table[0] = Header(disk, 1);
  table[1] = Status(disk);
  disk.ring().Set(0, Indirect(AddressOf(table), 2 * kDescriptorSize));
  disk.ring().Offer(0);
  disk.Kick();
  // The header and the status are two buffers; the queue has room for one (2.7.5.3.1).
  Expect(disk.AwaitNeedsReset(), "a chain is longer than the queue");
  SetOutcome("needs reset");
}

void Misaligned(Stage& stage) {
  Disk& disk = stage.victim;
  const QueuePlace good = disk.ring().place();
  for (const uint64_t off : {1U, 2U, 4U, 8U, 15U}) {
    QueuePlace place = good;
    place.descriptors += off;
    ExpectNoQueue(disk, place);
  }
  QueuePlace odd = good;
  odd.available += 1;
  ExpectNoQueue(disk, odd);
  for (const uint64_t off : {1U, 2U, 3U}) {
    QueuePlace place = good;
    place.used += off;
    ExpectNoQueue(disk, place);
  }
}

// Each of the three areas at `address`, one after the other.
void ExpectNoQueueAt(Disk& disk, uint64_t address) {
  for (uint64_t QueuePlace::*const area :
       {&QueuePlace::descriptors, &QueuePlace::available, &QueuePlace::used}) {
    QueuePlace place = disk.ring().place();
    place.*area = address;
    ExpectNoQueue(disk, place);
  }
}

void InRegisters(Stage& stage) {
  ExpectNoQueueAt(stage.victim, stage.victim.registers().address());
  ExpectNoQueueAt(stage.victim, stage.bystander.registers().address());
}
void QueueBeyondRam(Stage& stage) { ExpectNoQueueAt(stage.victim, RamEnd()); }
void QueueAcrossTheEndOfRam(Stage& stage) { ExpectNoQueueAt(stage.victim, RamEnd() - 64); }
void QueueThatWraps(Stage& stage) {
  ExpectNoQueueAt(stage.victim, ~uint64_t{0} - 15);
  ExpectNoQueueAt(stage.victim, uint64_t{1} << 63);
}

// The used ring ends with the last byte of RAM: a good queue, and the last place for it.
void AtTheEndOfRam(Stage& stage) {
  Disk& disk = stage.victim;
  QueuePlace place = disk.ring().place();
  const uint64_t bytes = virtio::UsedRingSize(place.size);
  const uint64_t slack = (RamEnd() - bytes) % virtio::kUsedRingAlignment;
  place.used = RamEnd() - bytes - slack;
  Expect((disk.BeginAt(place) & virtio::kStatusNeedsReset) == 0, "a queue may be there");
  const auto* const index =
      reinterpret_cast<const volatile uint16_t*>(place.used + virtio::kUsedIndex);
  const uint16_t before = *index;
  disk.Describe(0, BlockRequestType::kIn, 0, kSectorBytes);
  for (uint16_t at = 0; at < place.size; ++at) disk.ring().SetAvailable(at, 0);
  disk.ring().SetAvailableIndex(static_cast<uint16_t>(place.size));
  disk.Kick();
  Expect(Await([&] {
           return static_cast<uint16_t>(*index - before) != 0 &&
                  *index == static_cast<uint16_t>(place.size);
         }),
         "the device fills it to the end");
  SetOutcome("served");
}

// All areas at one place: what the device writes is what it reads next.
void AreasOnTopOfEachOther(Stage& stage) {
  Disk& disk = stage.victim;
  const QueuePlace good = disk.ring().place();
  QueuePlace same = good;
  same.available = same.used = same.descriptors;
  QueuePlace rings = good;
  rings.used = rings.available;
  QueuePlace used_first = good;
  used_first.used = used_first.descriptors;
  for (const QueuePlace& place : {same, rings, used_first}) {
    disk.BeginAt(place);
    disk.Describe(0, BlockRequestType::kIn, 0, kSectorBytes);
    disk.ring().Offer(0);
    for (int kick = 0; kick < 100; ++kick) disk.Kick();
    ExpectAlive(stage.bystander);
  }
  SetOutcome(disk.needs_reset() ? "needs reset" : "its own queue overwritten");
}

// Another disk's queue, at the same time: the guest's two drivers get what they asked for.
void AnothersQueue(Stage& stage) {
  Disk& disk = stage.victim;
  disk.BeginAt(stage.bystander.ring().place());
  for (int kick = 0; kick < 10; ++kick) disk.Kick();
  disk.registers().Reset();
  Expect(stage.bystander.Begin(), "the other disk begins anew");
  ExpectAlive(stage.bystander);
}

// Written while the device uses the queue: nothing moves (2.4, 4.2.2.2).
void MovedWhileLive(Stage& stage) {
  Disk& disk = stage.victim;
  QueuePlace elsewhere = disk.ring().place();
  elsewhere.size = 2;
  elsewhere.descriptors = elsewhere.available = elsewhere.used = AddressOf(Scratch().data());
  for (int round = 0; round < 10; ++round) {
    disk.registers().SetUpQueue(0, elsewhere);
    disk.registers().Write(MmioRegister::kQueueReady, 0);
    ExpectAlive(disk);
  }
  Expect(disk.registers().QueueReady(0), "the queue stays in use");
}

// Made ready, and only then written: the device keeps what it was made ready with.
void MovedWhenReady(Stage& stage) {
  Disk& disk = stage.victim;
  const Registers& registers = disk.registers();
  registers.Negotiate(virtio::kRingFeatures);
  disk.ring().Clear();
  registers.SetUpQueue(0, disk.ring().place());
  registers.Write(MmioRegister::kQueueNum, 0);
  registers.Write(MmioRegister::kQueueDescHigh, ~uint32_t{0});
  registers.Write(MmioRegister::kQueueDeviceLow, 1);
  Expect((registers.AddStatus(kStatusDriverOk) & virtio::kStatusNeedsReset) == 0,
         "the device has what the queue was made ready with");
  ExpectAlive(disk);
}

// QueueReady takes 1; what else it may be taken for is "not ready".
void ReadyToADegree(Stage& stage) {
  Disk& disk = stage.victim;
  const Registers& registers = disk.registers();
  registers.Negotiate(virtio::kRingFeatures);
  disk.ring().Clear();
  registers.SetUpQueue(0, disk.ring().place());
  for (const uint32_t value : {2U, 0x100U, 0x8000'0000U, ~0U}) {
    registers.Write(MmioRegister::kQueueReady, value);
    static_cast<void>(registers.Read(MmioRegister::kQueueReady));
  }
  registers.Write(MmioRegister::kQueueReady, 1);
  registers.AddStatus(kStatusDriverOk);
  ExpectAlive(disk);
}

// The device writes to the first page and to this program: RAM like any other.
void InThePageOfZeros(Stage& stage) {
  Disk& disk = stage.victim;
  QueuePlace place = disk.ring().place();
  place.descriptors = 0;
  Expect((disk.BeginAt(place) & virtio::kStatusNeedsReset) == 0, "address 0 is RAM");
  disk.ring().SetAvailable(0, 0);
  disk.ring().SetAvailableIndex(1);
  disk.Kick();
  // Descriptors of zeros are a chain without a byte.
  ExpectBreak(disk);
}

// Negotiates a queue for each CPU, with queue 1 at `place`.
void BeginWithTwoQueues(Disk& disk, const QueuePlace& place) {
  disk.registers().Negotiate(disk.registers().OfferedFeatures());
  disk.ring().Clear();
  disk.registers().SetUpQueue(0, disk.ring().place());
  disk.registers().SetUpQueue(1, place);
  Expect(disk.registers().QueueReady(1), "the disk has a second queue");
  Expect((disk.registers().AddStatus(kStatusDriverOk) & virtio::kStatusNeedsReset) == 0,
         "the device starts");
}

// What breaks one queue stops them all: the device asks for a reset.
void OneOfTwoQueuesBreaks(Stage& stage) {
  Disk& disk = stage.victim;
  Ring second(disk.ring().size());
  BeginWithTwoQueues(disk, second.place());
  ExpectAlive(disk);
  second.Set(0, ToDevice(0, 1, 0));
  second.Offer(0);
  disk.registers().Kick(1);
  Expect(disk.AwaitNeedsReset(), "the device asks for a reset");
  disk.Describe(0, BlockRequestType::kIn, 0, kSectorBytes);
  disk.ring().Offer(0);
  disk.Kick();
  ExpectBreak(disk, 1);
  disk.registers().Reset();
}

// Both queues in one place: each chain is seen by both, and the used ring counts for both.
void TwoQueuesInOnePlace(Stage& stage) {
  Disk& disk = stage.victim;
  BeginWithTwoQueues(disk, disk.ring().place());
  disk.Describe(0, BlockRequestType::kIn, 0, kSectorBytes);
  for (int round = 0; round < 100 && !disk.needs_reset(); ++round) {
    disk.ring().Offer(0);
    disk.registers().Kick(0);
    disk.registers().Kick(1);
  }
  ExpectAlive(stage.bystander);
  SetOutcome(disk.needs_reset() ? "needs reset" : "served, twice");
  disk.registers().Reset();
}

constexpr auto kAttacks = std::to_array<Attack>({
    {"sizes_that_are_none", SizesThatAreNone},
    {"size_of_one", SizeOfOne},
    {"misaligned", Misaligned},
    {"in_registers", InRegisters},
    {"queue_beyond_ram", QueueBeyondRam},
    {"queue_across_the_end_of_ram", QueueAcrossTheEndOfRam},
    {"queue_that_wraps", QueueThatWraps},
    {"at_the_end_of_ram", AtTheEndOfRam},
    {"areas_on_top_of_each_other", AreasOnTopOfEachOther},
    {"anothers_queue", AnothersQueue},
    {"moved_while_live", MovedWhileLive},
    {"moved_when_ready", MovedWhenReady},
    {"ready_to_a_degree", ReadyToADegree},
    {"in_the_page_of_zeros", InThePageOfZeros},
    {"one_of_two_queues_breaks", OneOfTwoQueuesBreaks},
    {"two_queues_in_one_place", TwoQueuesInOnePlace},
});

}  // namespace

std::span<const Attack> QueueAttacks() { return kAttacks; }

}  // namespace mayfly::hostile
