// More of what is allowed than anybody needs: from all CPUs, without end. The device may be slow to
// its guest, not to others, and has nothing to do once the guest lets go.

#include <array>
#include <atomic>
#include <cstring>

#include "images/unikernel/console.h"
#include "tests/hostile/guest/attack.h"
#include "tests/hostile/guest/cpus.h"

namespace mayfly::hostile {
namespace {

using virtio::MmioRegister;

constexpr std::chrono::milliseconds kStorm{300};
constexpr int kManyResets = 500;

void KicksFromAllCpus(Stage& stage) {
  const Registers registers = stage.victim.registers();
  OnAllCpus(kStorm, [registers](uint64_t) { registers.Kick(0); });
  ExpectAlive(stage.bystander);
  ExpectAlive(stage.victim);
}

// At widths for which KVM has no event: each goes through the VMM.
void KicksOfOtherWidths(Stage& stage) {
  const Registers registers = stage.victim.registers();
  OnAllCpus(kStorm, [registers](uint64_t turn) {
    registers.WriteAt<uint8_t>(virtio::kQueueNotifyOffset, 0);
    registers.WriteAt<uint16_t>(virtio::kQueueNotifyOffset, 0);
    registers.WriteAt<uint64_t>(virtio::kQueueNotifyOffset, 0);
    registers.Kick(static_cast<uint32_t>(turn));
  });
  ExpectAlive(stage.bystander);
  ExpectAlive(stage.victim);
}

// While the device is broken: no kick wakes it for long.
void KicksOfABrokenDevice(Stage& stage) {
  Disk& disk = stage.victim;
  Breaks(disk, {ToDevice(0, 1, 0)});
  OnAllCpus(kStorm, [registers = disk.registers()](uint64_t) { registers.Kick(0); });
  ExpectAlive(stage.bystander);
  Expect(disk.needs_reset(), "it still asks for a reset");
}

void RegistersFromAllCpus(Stage& stage) {
  const Registers registers = stage.victim.registers();
  OnAllCpus(kStorm, [registers](uint64_t turn) {
    static_cast<void>(registers.status());
    registers.Write(MmioRegister::kQueueSel, static_cast<uint32_t>(turn));
    registers.Write(MmioRegister::kInterruptAck, 0xff);
    static_cast<void>(registers.ReadAt<uint64_t>(virtio::kMmioConfigOffset));
  });
  ExpectAlive(stage.bystander);
  ExpectAlive(stage.victim);
}

// The ring is refilled before it is empty, all the time: the bystander must have its turn
// meanwhile.
void NeverIdle(Stage& stage) {
  Disk& disk = stage.victim;
  disk.Describe(0, BlockRequestType::kIn, 0, kSectorBytes);
  for (uint16_t place = 0; place < disk.ring().size(); ++place) disk.ring().SetAvailable(place, 0);
  {
    const Meanwhile other([&disk](uint64_t) {
      const Ring& ring = disk.ring();
      // Everything that the device has given back is available again.
      const auto full = static_cast<uint16_t>(ring.used_index() + ring.size());
      disk.ring().SetAvailableIndex(full);
      disk.Kick();
    });
    for (int round = 0; round < 20; ++round) ExpectAlive(stage.bystander);
  }
  const uint16_t last = disk.ring().available_index();
  Expect(Await([&] { return disk.ring().used_index() == last; }), "the device catches up");
  Expect(!disk.needs_reset(), "it needs no reset");
  SetOutcome("served, in turns");
}

// 64 KiB a request, a ring full of them, and a reset in the middle: what was in flight is given up,
// and memory is the guest's again when the reset is done.
void ResetInTheMiddleOfIo(Stage& stage) {
  Disk& disk = stage.victim;
  std::byte& first = disk.request().data[0];
  std::byte& last = disk.request().data[Disk::kDataBytes - 1];
  for (int round = 0; round < 50; ++round) {
    disk.Begin();
    disk.Describe(0, BlockRequestType::kIn, 8, Disk::kDataBytes);
    for (uint16_t place = 0; place < disk.ring().size(); ++place) {
      disk.ring().SetAvailable(place, 0);
    }
    disk.ring().SetAvailableIndex(disk.ring().size());
    disk.Kick();
    disk.registers().Reset();
    first = last = std::byte{0x5a};
    disk.request().status = Disk::kNoStatus;
    const uint16_t used = disk.ring().used_index();
    const std::chrono::nanoseconds later = guest::Now() + std::chrono::milliseconds{1};
    while (guest::Now() < later) asm volatile("pause");
    std::atomic_thread_fence(std::memory_order_seq_cst);
    Expect(first == std::byte{0x5a} && last == std::byte{0x5a}, "no data comes after the reset");
    Expect(disk.request().status == Disk::kNoStatus, "no status comes after the reset");
    Expect(disk.ring().used_index() == used, "no chain is returned after the reset");
  }
  Expect(disk.Begin(), "the device begins anew");
  ExpectAlive(disk);
  SetOutcome("given up and begun anew");
}

void ManyResets(Stage& stage) {
  Disk& disk = stage.victim;
  for (int round = 0; round < kManyResets; ++round) {
    Expect(disk.Begin(), "the device begins anew");
    disk.Kick();
  }
  ExpectAlive(disk);
}

// Breaks again and again: the host hears of it so often, not more.
void ManyBreaks(Stage& stage) {
  Disk& disk = stage.victim;
  for (int round = 0; round < kManyResets; ++round) {
    Expect(disk.Begin(), "the device begins anew");
    disk.ring().Set(0, ToDevice(0, 1, 0));
    disk.ring().Offer(0);
    disk.Kick();
    Expect(disk.AwaitNeedsReset(), "the device asks for a reset");
  }
  SetOutcome("needs reset");
}

void ManyFlushes(Stage& stage) {
  Disk& disk = stage.victim;
  disk.Describe(0, BlockRequestType::kFlush, 0, 0);
  for (int round = 0; round < 4; ++round) {
    for (uint16_t place = 0; place < disk.ring().size(); ++place) {
      disk.ring().SetAvailable(place, 0);
    }
    disk.ring().SetAvailableIndex(
        static_cast<uint16_t>(disk.ring().available_index() + disk.ring().size()));
    disk.Kick();
    ExpectAlive(stage.bystander);
    Expect(disk.AwaitUsed(disk.ring().size()), "every flush is answered");
  }
  SetOutcome("served");
}

// Every request fails: the host hears of it, but not of each.
void ManyErrors(Stage& stage) {
  Disk& disk = stage.victim;
  disk.Describe(0, BlockRequestType::kIn, disk.sectors(), kSectorBytes);
  for (int round = 0; round < 20; ++round) {
    for (uint16_t place = 0; place < disk.ring().size(); ++place) {
      disk.ring().SetAvailable(place, 0);
    }
    disk.ring().SetAvailableIndex(
        static_cast<uint16_t>(disk.ring().available_index() + disk.ring().size()));
    disk.Kick();
    Expect(disk.AwaitUsed(disk.ring().size()), "every request is answered");
  }
  SetOutcome("I/O error");
}

// Every request of the longest kind, of single bytes.
void ManySegments(Stage& stage) {
  Disk& disk = stage.victim;
  Ring& ring = disk.ring();
  const auto last = static_cast<uint16_t>(ring.size() - 1);
  ring.Set(0, Header(disk, 1));
  for (uint16_t index = 1; index < last; ++index) {
    ring.Set(index, FromDevice(AddressOf(&disk.request().data) + index, 2,
                               static_cast<uint16_t>(index + 1)));
  }
  ring.Set(last, Status(disk));
  for (uint16_t place = 0; place < ring.size(); ++place) ring.SetAvailable(place, 0);
  for (int round = 0; round < 20; ++round) {
    ring.SetAvailableIndex(static_cast<uint16_t>(ring.available_index() + ring.size()));
    disk.Kick();
    ExpectAlive(stage.bystander);
    Expect(disk.AwaitUsed(ring.size()), "every request is answered");
  }
  SetOutcome("I/O error");
}

// A ring full of requests of all of RAM, 15 times each: the other disk has its turn all the same,
// and so has a reset.
void GiantRequests(Stage& stage) {
  Disk& disk = stage.victim;
  constexpr uint16_t kTimes = 15;
  Ring& ring = disk.ring();
  ring.Set(0, Header(disk, 1));
  // Where nothing lives that matters to this program: above the heap's first megabytes.
  const uint64_t begin = RamEnd() / 2;
  for (uint16_t index = 1; index <= kTimes; ++index) {
    ring.Set(index, FromDevice(begin, RamEnd() - begin, static_cast<uint16_t>(index + 1)));
  }
  ring.Set(kTimes + 1, Status(disk));
  for (uint16_t place = 0; place < ring.size(); ++place) ring.SetAvailable(place, 0);
  ring.SetAvailableIndex(ring.size());
  disk.Kick();
  const std::chrono::nanoseconds before = guest::Now();
  for (int round = 0; round < 3; ++round) ExpectAlive(stage.bystander);
  disk.registers().Reset();
  const auto taken = std::chrono::duration_cast<std::chrono::milliseconds>(guest::Now() - before);
  guest::Print("others and a reset took {} ms\n", static_cast<uint64_t>(taken.count()));
  SetOutcome("served, in turns");
}

constexpr auto kAttacks = std::to_array<Attack>({
    {"kicks_from_all_cpus", KicksFromAllCpus},
    {"kicks_of_other_widths", KicksOfOtherWidths},
    {"kicks_of_a_broken_device", KicksOfABrokenDevice},
    {"registers_from_all_cpus", RegistersFromAllCpus},
    {"never_idle", NeverIdle},
    {"reset_in_the_middle_of_io", ResetInTheMiddleOfIo},
    {"many_resets", ManyResets},
    {"many_breaks", ManyBreaks},
    {"many_flushes", ManyFlushes},
    {"many_errors", ManyErrors},
    {"many_segments", ManySegments},
    {"giant_requests", GiantRequests},
});

}  // namespace

std::span<const Attack> StormAttacks() { return kAttacks; }

}  // namespace mayfly::hostile
