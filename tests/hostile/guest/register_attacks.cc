// Registers at every width, in every status, in every order (virtio 1.2, 2.1, 3.1 and 4.2.2).

#include <algorithm>
#include <array>

#include "tests/hostile/guest/attack.h"

namespace mayfly::hostile {
namespace {

using virtio::kMmioConfigOffset;
using virtio::kMmioSize;
using virtio::kStatusAcknowledge;
using virtio::kStatusDriver;
using virtio::kStatusDriverOk;
using virtio::kStatusFailed;
using virtio::kStatusFeaturesOk;
using virtio::kStatusNeedsReset;
using virtio::MmioRegister;

constexpr uint32_t kUpToDriver = kStatusAcknowledge | kStatusDriver;
constexpr uint32_t kUpToFeatures = kUpToDriver | kStatusFeaturesOk;
constexpr uint32_t kAlive = kUpToFeatures | kStatusDriverOk;
constexpr std::array kStatuses = {uint32_t{0}, kStatusAcknowledge,    kUpToDriver, kUpToFeatures,
                                  kAlive,      kAlive | kStatusFailed};
// Behind the registers, on the page that the next device's precede.
constexpr uint64_t kPage = 0x1000;

// Brings the disk to one of kStatuses as a driver should.
void Reach(Disk& disk, uint32_t status) {
  const Registers& registers = disk.registers();
  if (status >= kAlive) {
    disk.Begin();
  } else if (status >= kUpToFeatures) {
    registers.Negotiate(virtio::kRingFeatures);
  } else {
    registers.Reset();
  }
  for (const uint32_t bit : {kStatusAcknowledge, kStatusDriver, kStatusFailed}) {
    if ((status & bit) != 0) registers.AddStatus(bit);
  }
  Expect(registers.status() == status, "the status is what the driver made it");
}

template <typename T>
void ReadAll(const Registers& registers) {
  for (uint64_t offset = 0; offset + sizeof(T) <= kMmioSize; ++offset) {
    const T value = registers.ReadAt<T>(offset);
    const bool is_register = sizeof(T) == sizeof(uint32_t) && offset % sizeof(uint32_t) == 0;
    if (offset + sizeof(T) > kMmioConfigOffset || is_register) continue;
    if (!Expect(value == 0, "no register has that width or place")) return;
  }
}

void ReadsOfEveryWidth(Stage& stage) {
  const Registers& registers = stage.victim.registers();
  for (const uint32_t status : kStatuses) {
    Reach(stage.victim, status);
    ReadAll<uint8_t>(registers);
    ReadAll<uint16_t>(registers);
    ReadAll<uint32_t>(registers);
    ReadAll<uint64_t>(registers);
    Expect(registers.status() == status, "reading changes nothing");
  }
}

// Everywhere but where a 32-bit write would change the status.
template <typename T>
void WriteAll(const Registers& registers, uint64_t value) {
  constexpr auto kStatusOffset = static_cast<uint64_t>(MmioRegister::kStatus);
  for (uint64_t offset = 0; offset + sizeof(T) <= kMmioSize; ++offset) {
    if (offset == kStatusOffset && sizeof(T) == sizeof(uint32_t)) continue;
    registers.WriteAt<T>(offset, static_cast<T>(value));
  }
}

void WritesOfEveryWidth(Stage& stage) {
  Disk& disk = stage.victim;
  const Registers& registers = disk.registers();
  for (const uint32_t status : kStatuses) {
    for (const uint64_t value : {uint64_t{0}, uint64_t{1}, ~uint64_t{0}, 0x1234'5678'9abc'def0UL}) {
      Reach(disk, status);
      WriteAll<uint8_t>(registers, value);
      WriteAll<uint16_t>(registers, value);
      WriteAll<uint32_t>(registers, value);
      WriteAll<uint64_t>(registers, value);
      Expect(registers.status() == status, "the status is the driver's alone");
    }
    if (status == kAlive) ExpectAlive(disk);
  }
}

// What is no 32-bit write in the right place is no kick and no reset.
void StatusAtOtherWidths(Stage& stage) {
  Disk& disk = stage.victim;
  const Registers& registers = disk.registers();
  constexpr auto kStatus = static_cast<uint64_t>(MmioRegister::kStatus);
  registers.WriteAt<uint8_t>(kStatus, 0);
  registers.WriteAt<uint16_t>(kStatus, 0);
  registers.WriteAt<uint64_t>(kStatus, 0);
  registers.WriteAt<uint64_t>(kStatus - sizeof(uint32_t), 0);
  registers.WriteAt<uint32_t>(kStatus + 1, 0);
  registers.WriteAt<uint32_t>(kStatus - 1, 0);
  Expect(registers.status() == kAlive, "the status stays");
  ExpectAlive(disk);
}

// Accesses that begin in one thing and end in another: the next device's registers, nothing at all.
void AcrossBorders(Stage& stage) {
  Disk& disk = stage.victim;
  const Registers& registers = disk.registers();
  for (const uint64_t border : {kMmioConfigOffset, kMmioSize, kPage}) {
    for (uint64_t before = 1; before < sizeof(uint64_t); ++before) {
      registers.WriteAt<uint64_t>(border - before, ~uint64_t{0});
      static_cast<void>(registers.ReadAt<uint64_t>(border - before));
      if (before >= sizeof(uint32_t)) continue;
      registers.WriteAt<uint32_t>(border - before, ~uint32_t{0});
      static_cast<void>(registers.ReadAt<uint32_t>(border - before));
    }
  }
  ExpectAlive(disk);
  ExpectAlive(stage.bystander);
}

void ConfigurationBeyondItsEnd(Stage& stage) {
  const Registers& registers = stage.victim.registers();
  constexpr uint64_t kLast = kMmioSize - sizeof(uint64_t);
  Expect(registers.ReadAt<uint64_t>(kLast) == 0, "there is nothing at the end of the window");
  Expect(registers.ReadAt<uint32_t>(kMmioSize - sizeof(uint32_t)) == 0, "nor in its last word");
  Expect(registers.ReadAt<uint8_t>(kMmioSize - 1) == 0, "nor in its last byte");
  // Outside the window nobody answers: all ones, as on a PC.
  Expect(registers.ReadAt<uint32_t>(kMmioSize) == ~uint32_t{0}, "behind it there is no device");
  Expect(registers.ReadAt<uint64_t>(kMmioSize - sizeof(uint32_t)) == ~uint64_t{0},
         "nor across its end");
  ExpectAlive(stage.victim);
}

// Byte by byte, and word by word: the disk keeps its size.
void ConfigurationWritten(Stage& stage) {
  Disk& disk = stage.victim;
  const Registers& registers = disk.registers();
  const uint64_t sectors = disk.sectors();
  for (uint64_t offset = kMmioConfigOffset; offset < kMmioSize; ++offset) {
    registers.WriteAt<uint8_t>(offset, 0xff);
  }
  for (uint64_t offset = kMmioConfigOffset; offset < kMmioSize; offset += sizeof(uint64_t)) {
    registers.WriteAt<uint64_t>(offset, ~uint64_t{0});
    registers.WriteAt<uint32_t>(offset, 0);
  }
  Expect(disk.sectors() == sectors, "the disk is as large as before");
  ExpectAlive(disk);
}

void ExpectRefused(const Registers& registers, uint64_t features) {
  const uint32_t status = registers.Negotiate(features);
  Expect((status & kStatusFeaturesOk) == 0, "the device does not take these features");
  Expect((registers.AddStatus(kStatusDriverOk) & kStatusDriverOk) == 0,
         "nor does it start without");
}

void FeaturesNeverOffered(Stage& stage) {
  const Registers& registers = stage.victim.registers();
  const uint64_t offered = registers.OfferedFeatures();
  constexpr unsigned kBits = 64;
  for (unsigned bit = 0; bit < kBits; ++bit) {
    if ((offered & virtio::FeatureBit(bit)) != 0) continue;
    ExpectRefused(registers, virtio::kRingFeatures | virtio::FeatureBit(bit));
  }
  ExpectRefused(registers, ~uint64_t{0});
  SetOutcome("refused");
}

void FeaturesBeyond64(Stage& stage) {
  const Registers& registers = stage.victim.registers();
  for (const uint32_t word : {2U, 3U, 0x7fff'ffffU, 0xffff'ffffU}) {
    registers.Write(MmioRegister::kDeviceFeaturesSel, word);
    Expect(registers.Read(MmioRegister::kDeviceFeatures) == 0, "there are no more features");
    registers.Reset();
    registers.AddStatus(kStatusAcknowledge);
    registers.AddStatus(kStatusDriver);
    registers.AcceptFeatures(virtio::kRingFeatures);
    registers.Write(MmioRegister::kDriverFeaturesSel, word);
    registers.Write(MmioRegister::kDriverFeatures, 1);
    Expect((registers.AddStatus(kStatusFeaturesOk) & kStatusFeaturesOk) == 0,
           "the device does not take these features");
  }
  SetOutcome("refused");
}

void WithoutVersion1(Stage& stage) {
  const Registers& registers = stage.victim.registers();
  ExpectRefused(registers, 0);
  ExpectRefused(registers, virtio::kRingFeatures & ~virtio::kFeatureVersion1);
  SetOutcome("refused");
}

// After FEATURES_OK, and while the device is alive.
void FeaturesChangedTooLate(Stage& stage) {
  Disk& disk = stage.victim;
  const Registers& registers = disk.registers();
  registers.Negotiate(virtio::kFeatureVersion1);
  registers.AcceptFeatures(~uint64_t{0});
  disk.ring().Clear();
  registers.SetUpQueue(0, disk.ring().place());
  Expect(registers.AddStatus(kStatusDriverOk) == kAlive, "what was agreed on stays");
  registers.AcceptFeatures(virtio::kRingFeatures);
  registers.AcceptFeatures(0);
  Expect(registers.status() == kAlive, "the status stays");
  // Had the device taken indirect descriptors after all, this would be no break.
  Breaks(disk, {Indirect(AddressOf(Scratch().data()), virtio::kDescriptorSize)});
}

// Features before the driver has said that it is one.
void FeaturesTooEarly(Stage& stage) {
  const Registers& registers = stage.victim.registers();
  registers.Reset();
  registers.AcceptFeatures(virtio::kRingFeatures);
  const uint32_t status = registers.AddStatus(kUpToFeatures | kStatusDriverOk);
  Expect(status == kUpToDriver, "a driver without features does not start");
  SetOutcome("refused");
}

void StatusOutOfOrder(Stage& stage) {
  const Registers& registers = stage.victim.registers();
  for (const uint32_t status :
       {kStatusDriver, kStatusDriverOk, kStatusFeaturesOk, kStatusDriver | kStatusDriverOk,
        kStatusFeaturesOk | kStatusDriverOk, uint32_t{0xffff'ff00}, uint32_t{0x30}}) {
    registers.Reset();
    registers.Write(MmioRegister::kStatus, status);
    Expect(registers.status() == 0, "a step needs those before it");
  }
  SetOutcome("refused");
}

void StatusTakenBack(Stage& stage) {
  Disk& disk = stage.victim;
  const Registers& registers = disk.registers();
  for (const uint32_t status : {kStatusAcknowledge, kUpToDriver, kUpToFeatures, kStatusDriverOk}) {
    registers.Write(MmioRegister::kStatus, status);
    Expect(registers.status() == kAlive, "a driver takes nothing back but by a reset");
  }
  ExpectAlive(disk);
}

// The bit that is the device's, by the driver, and bits that nobody knows.
void NeedsResetByTheDriver(Stage& stage) {
  Disk& disk = stage.victim;
  const Registers& registers = disk.registers();
  registers.Write(MmioRegister::kStatus, kAlive | kStatusNeedsReset);
  registers.Write(MmioRegister::kStatus, kAlive | 0xffff'ff30);
  Expect(registers.status() == kAlive, "these bits are not the driver's");
  ExpectAlive(disk);
}

// A driver that gave up gets nothing more, and can begin anew.
void Failed(Stage& stage) {
  Disk& disk = stage.victim;
  const Registers& registers = disk.registers();
  registers.AddStatus(kStatusFailed);
  disk.Describe(0, BlockRequestType::kIn, 0, kSectorBytes);
  disk.ring().Offer(0);
  for (int kick = 0; kick < 1000; ++kick) disk.Kick();
  registers.AddStatus(kStatusDriverOk);
  ExpectAlive(stage.bystander);
  Expect(disk.ring().used_index() == 0, "a device that was given up does nothing");
  Expect(disk.request().status == Disk::kNoStatus, "nor does it touch memory");
  SetOutcome("given up");
}

void KicksWithoutAQueue(Stage& stage) {
  Disk& disk = stage.victim;
  const Registers& registers = disk.registers();
  registers.Negotiate(virtio::kRingFeatures);
  disk.ring().Clear();
  disk.Describe(0, BlockRequestType::kIn, 0, kSectorBytes);
  disk.ring().Offer(0);
  for (const bool alive : {false, true}) {
    if (alive) Expect(registers.AddStatus(kStatusDriverOk) == kAlive, "no queue is no error");
    for (uint32_t queue = 0; queue < 100; ++queue) registers.Kick(queue);
  }
  ExpectAlive(stage.bystander);
  Expect(registers.status() == kAlive, "kicks change nothing");
  Expect(disk.request().status == Disk::kNoStatus, "a queue that is not set up is not served");
}

void KicksOfQueuesThatAreNot(Stage& stage) {
  Disk& disk = stage.victim;
  for (const uint32_t queue : {2U, 63U, 64U, 0x7fffU, 0xffffU, 0x1'0000U, 0x8000'0000U, ~0U}) {
    for (int kick = 0; kick < 100; ++kick) disk.registers().Kick(queue);
  }
  ExpectAlive(disk);
}

void QueuesThatAreNot(Stage& stage) {
  Disk& disk = stage.victim;
  const Registers& registers = disk.registers();
  registers.Negotiate(virtio::kRingFeatures);
  for (const uint32_t queue : {64U, 0x7fffU, 0xffffU, 0x1'0000U, 0x8000'0000U, ~0U}) {
    Expect(registers.QueueLimit(queue) == 0, "there is no such queue");
    registers.SetUpQueue(queue, disk.ring().place());
    Expect(!registers.QueueReady(queue), "nor can it be set up");
  }
  Expect(disk.Begin(), "the device starts");
  ExpectAlive(disk);
}

// Bits of interrupts that nobody raised, and interrupts never acknowledged.
void AcknowledgedAtWill(Stage& stage) {
  Disk& disk = stage.victim;
  for (int round = 0; round < 100; ++round) {
    disk.registers().Write(MmioRegister::kInterruptAck, ~uint32_t{0} << (round % 32));
    ExpectAlive(disk);
  }
  disk.registers().Write(MmioRegister::kInterruptAck, ~uint32_t{0});
  Expect(disk.registers().Read(MmioRegister::kInterruptStatus) == 0, "nothing is left to tell");
}

void SharedMemoryThatIsNot(Stage& stage) {
  const Registers& registers = stage.victim.registers();
  for (const uint32_t region : {0U, 1U, 255U, ~0U}) {
    registers.Write(MmioRegister::kShmSel, region);
    for (const MmioRegister reg : {MmioRegister::kShmLenLow, MmioRegister::kShmLenHigh,
                                   MmioRegister::kShmBaseLow, MmioRegister::kShmBaseHigh}) {
      Expect(registers.Read(reg) == ~uint32_t{0}, "there is no shared memory");
    }
  }
  ExpectAlive(stage.victim);
}

constexpr auto kAttacks = std::to_array<Attack>({
    {"reads_of_every_width", ReadsOfEveryWidth},
    {"writes_of_every_width", WritesOfEveryWidth},
    {"status_at_other_widths", StatusAtOtherWidths},
    {"across_borders", AcrossBorders},
    {"configuration_beyond_its_end", ConfigurationBeyondItsEnd},
    {"configuration_written", ConfigurationWritten},
    {"features_never_offered", FeaturesNeverOffered},
    {"features_beyond_64", FeaturesBeyond64},
    {"without_version_1", WithoutVersion1},
    {"features_changed_too_late", FeaturesChangedTooLate},
    {"features_too_early", FeaturesTooEarly},
    {"status_out_of_order", StatusOutOfOrder},
    {"status_taken_back", StatusTakenBack},
    {"needs_reset_by_the_driver", NeedsResetByTheDriver},
    {"failed", Failed},
    {"kicks_without_a_queue", KicksWithoutAQueue},
    {"kicks_of_queues_that_are_not", KicksOfQueuesThatAreNot},
    {"queues_that_are_not", QueuesThatAreNot},
    {"acknowledged_at_will", AcknowledgedAtWill},
    {"shared_memory_that_is_not", SharedMemoryThatIsNot},
});

}  // namespace

std::span<const Attack> RegisterAttacks() { return kAttacks; }

}  // namespace mayfly::hostile
