// Buffers that are not, or not all, guest memory; lengths of all sizes; buffers on top of the
// rings.

#include <array>

#include "tests/hostile/guest/attack.h"

namespace mayfly::hostile {
namespace {

constexpr uint64_t kGibibyte = uint64_t{1} << 30;
constexpr uint64_t kHole = 3 * kGibibyte;  // where devices are; RAM goes on above it
constexpr uint64_t kHoleEnd = 4 * kGibibyte;
constexpr uint64_t kIoApic = 0xfec0'0000;
constexpr uint64_t kLocalApic = 0xfee0'0000;
// Of the VMM's own pages in the hole, for Intel's real mode.
constexpr uint64_t kVmmPage = 0xfeff'd000;

// A read of one sector to a place where there is no RAM.
void ReadTo(Stage& stage, uint64_t address, uint64_t length = kSectorBytes) {
  Disk& disk = stage.victim;
  Breaks(disk, {Header(disk, 1), FromDevice(address, length, 2), Status(disk)});
}

// Likewise, a write from there.
void WriteFrom(Stage& stage, uint64_t address, uint64_t length = kSectorBytes) {
  Disk& disk = stage.victim;
  const RingDescriptor header = Header(disk, 1);
  disk.request().header.type = static_cast<uint32_t>(BlockRequestType::kOut);
  Breaks(disk, {header, ToDevice(address, length, 2), Status(disk)});
}

void InItsRegisters(Stage& stage) { ReadTo(stage, stage.victim.registers().address()); }
void InAnothersRegisters(Stage& stage) { WriteFrom(stage, stage.bystander.registers().address()); }
void InTheIoApic(Stage& stage) { ReadTo(stage, kIoApic); }
void InTheLocalApic(Stage& stage) { ReadTo(stage, kLocalApic); }
void InAPageOfTheVmm(Stage& stage) { WriteFrom(stage, kVmmPage); }
void BeyondRam(Stage& stage) { ReadTo(stage, RamEnd()); }
void FarBeyondRam(Stage& stage) { WriteFrom(stage, uint64_t{1} << 52); }
void AcrossTheEndOfRam(Stage& stage) { ReadTo(stage, RamEnd() - kSectorBytes / 2); }
void FromTheEndOfRam(Stage& stage) { WriteFrom(stage, RamEnd() - 1); }
void Wrapping(Stage& stage) { ReadTo(stage, ~uint64_t{0} - kSectorBytes / 2 + 1); }
void AtTheLastAddress(Stage& stage) { WriteFrom(stage, ~uint64_t{0}, 1); }
void FourGigabytesFromZero(Stage& stage) { ReadTo(stage, 0, 0xffff'ffff); }

void HeaderInRegisters(Stage& stage) {
  Disk& disk = stage.victim;
  Breaks(disk, {ToDevice(disk.registers().address(), sizeof(BlockRequestHeader), 1), Status(disk)});
}

void StatusInRegisters(Stage& stage) {
  Disk& disk = stage.victim;
  Breaks(disk, {Header(disk, 1), FromDevice(disk.registers().address() + 0x70, 1)});
}

// For machines with RAM on both sides of the hole: from one to the other.
void AcrossTheHole(Stage& stage) { ReadTo(stage, kHole - kSectorBytes, kGibibyte + kSectorBytes); }
void IntoTheHole(Stage& stage) { WriteFrom(stage, kHole - kSectorBytes / 2); }
void OutOfTheHole(Stage& stage) { ReadTo(stage, kHoleEnd - kSectorBytes / 2); }

// RAM, over and over, to more than the 4 GiB that a chain may have (virtio 1.2, 2.7.4).
void MoreThanFourGigabytes(Stage& stage) {
  Disk& disk = stage.victim;
  Ring& ring = disk.ring();
  const auto last = static_cast<uint16_t>(ring.size() - 1);
  ring.Set(0, Header(disk, 1));
  for (uint16_t index = 1; index < last; ++index) {
    ring.Set(index, FromDevice(0, RamEnd(), static_cast<uint16_t>(index + 1)));
  }
  ring.Set(last, Status(disk));
  ring.Offer(0);
  disk.Kick();
  ExpectBreak(disk);
}

// RAM, over and over, to just less than that: far more than the disk has.
void AlmostFourGigabytes(Stage& stage) {
  Disk& disk = stage.victim;
  Ring& ring = disk.ring();
  constexpr uint64_t kLimit = (uint64_t{1} << 32) - 1;
  uint64_t bytes = 0;
  uint16_t index = 0;
  ring.Set(index++, Header(disk, 1));
  for (; bytes + RamEnd() + kSectorBytes < kLimit; bytes += RamEnd()) {
    const auto next = static_cast<uint16_t>(index + 1);
    ring.Set(index, FromDevice(0, RamEnd(), next));
    index = next;
  }
  ring.Set(index, Status(disk));
  ring.Offer(0);
  disk.Kick();
  Expect(disk.AwaitUsed(1), "the device returns the chain");
  Expect(disk.request().status == static_cast<uint8_t>(BlockStatus::kIoError),
         "it refuses to read beyond the disk");
  SetOutcome("I/O error");
  ExpectAlive(disk);
}

// Descriptors without a byte are no buffers, wherever they point to.
void BuffersOfNothing(Stage& stage) {
  Disk& disk = stage.victim;
  const uint64_t data = AddressOf(&disk.request().data);
  Answers(disk,
          {Header(disk, 1), ToDevice(~uint64_t{0}, 0, 2), FromDevice(RamEnd(), 0, 3),
           FromDevice(data, kSectorBytes, 4), FromDevice(disk.registers().address(), 0, 5),
           Status(disk)},
          BlockStatus::kOk);
}

void NothingButNothing(Stage& stage) {
  Breaks(stage.victim, {ToDevice(0, 0, 1), FromDevice(0, 0)});
}

// The device writes a sector of the disk over a part of its own queue. What the queue is then is
// the guest's problem: the device may find it broken or not, but must not be hurt.
void ReadOver(Stage& stage, std::span<std::byte> area) {
  Disk& disk = stage.victim;
  const uint64_t begin = AddressOf(area.data());
  disk.ring().Set(0, Header(disk, 1));
  disk.ring().Set(1, FromDevice(begin, kSectorBytes, 2));
  disk.ring().Set(2, Status(disk));
  disk.ring().Offer(0);
  disk.Kick();
  static_cast<void>(
      Await([&] { return disk.request().status != Disk::kNoStatus || disk.needs_reset(); }));
  for (int kick = 0; kick < 100; ++kick) disk.Kick();
  SetOutcome(disk.needs_reset() ? "needs reset" : "its own queue overwritten");
}

void OverTheDescriptors(Stage& stage) { ReadOver(stage, stage.victim.ring().descriptor_bytes()); }
void OverTheAvailableRing(Stage& stage) { ReadOver(stage, stage.victim.ring().available_bytes()); }
void OverTheUsedRing(Stage& stage) { ReadOver(stage, stage.victim.ring().used_bytes()); }

// The status byte on top of the request's own header: read once, it does not matter.
void StatusOverHeader(Stage& stage) {
  Disk& disk = stage.victim;
  disk.ring().Set(0, Header(disk, 1));
  disk.ring().Set(1, FromDevice(AddressOf(&disk.request().data), kSectorBytes, 2));
  disk.ring().Set(2, FromDevice(AddressOf(&disk.request().header), 1));
  disk.ring().Offer(0);
  disk.Kick();
  Expect(disk.AwaitUsed(1), "the device returns the chain");
  SetOutcome("served");
  ExpectAlive(disk);
}

// All of the disk into one and the same sector of memory, piece by piece.
void AllIntoOnePlace(Stage& stage) {
  Disk& disk = stage.victim;
  Ring& ring = disk.ring();
  const auto last = static_cast<uint16_t>(ring.size() - 1);
  ring.Set(0, Header(disk, 1));
  for (uint16_t index = 1; index < last; ++index) {
    ring.Set(index, FromDevice(AddressOf(&disk.request().data), kSectorBytes,
                               static_cast<uint16_t>(index + 1)));
  }
  ring.Set(last, Status(disk));
  ring.Offer(0);
  disk.Kick();
  Expect(disk.AwaitUsed(1), "the device returns the chain");
  Expect(disk.request().status == static_cast<uint8_t>(BlockStatus::kOk), "it read all of it");
  SetOutcome("served");
  ExpectAlive(disk);
}

constexpr auto kAttacks = std::to_array<Attack>({
    {"in_its_registers", InItsRegisters},
    {"in_anothers_registers", InAnothersRegisters},
    {"in_the_io_apic", InTheIoApic},
    {"in_the_local_apic", InTheLocalApic},
    {"in_a_page_of_the_vmm", InAPageOfTheVmm},
    {"beyond_ram", BeyondRam},
    {"far_beyond_ram", FarBeyondRam},
    {"across_the_end_of_ram", AcrossTheEndOfRam},
    {"from_the_end_of_ram", FromTheEndOfRam},
    {"wrapping", Wrapping},
    {"at_the_last_address", AtTheLastAddress},
    {"four_gigabytes_from_zero", FourGigabytesFromZero},
    {"header_in_registers", HeaderInRegisters},
    {"status_in_registers", StatusInRegisters},
    {"across_the_hole", AcrossTheHole},
    {"into_the_hole", IntoTheHole},
    {"out_of_the_hole", OutOfTheHole},
    {"more_than_four_gigabytes", MoreThanFourGigabytes},
    {"almost_four_gigabytes", AlmostFourGigabytes},
    {"buffers_of_nothing", BuffersOfNothing},
    {"nothing_but_nothing", NothingButNothing},
    {"over_the_descriptors", OverTheDescriptors},
    {"over_the_available_ring", OverTheAvailableRing},
    {"over_the_used_ring", OverTheUsedRing},
    {"status_over_header", StatusOverHeader},
    {"all_into_one_place", AllIntoOnePlace},
});

}  // namespace

std::span<const Attack> BufferAttacks() { return kAttacks; }

}  // namespace mayfly::hostile
