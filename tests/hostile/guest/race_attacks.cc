// What another CPU changes while the device reads it: between the check of a value and its use.
// Which of the two values the device sees is chance; that it sees one of them, and acts on what it
// checked, is not.

#include <array>
#include <cstring>

#include "tests/hostile/guest/attack.h"
#include "tests/hostile/guest/cpus.h"

namespace mayfly::hostile {
namespace {

using virtio::kDescriptorIndirect;
using virtio::kDescriptorNext;
using virtio::kDescriptorSize;
using virtio::kDescriptorWrite;
using virtio::MmioRegister;

constexpr uint64_t kNoRam = 0xd000'0000;

template <typename T>
void Put(void* at, T value) {
  *static_cast<volatile T*>(at) = value;
}

// A field of descriptor `index` in the disk's ring.
void* Field(Disk& disk, size_t index, size_t offset) {
  return disk.ring().descriptor_bytes().data() + index * kDescriptorSize + offset;
}

// How long each race goes on.
constexpr std::chrono::milliseconds kRace{1000};

template <typename Function>
void Repeat(Function function) {
  const std::chrono::nanoseconds deadline = guest::Now() + kRace;
  while (guest::Now() < deadline && AllHeld()) function();
}

// Whether the device has come to an end with all that was offered, or asks for a reset.
bool Settles(Disk& disk) {
  const uint16_t offered = disk.ring().available_index();
  return Await([&] {
    // More than was offered may have been seen.
    return static_cast<int16_t>(disk.ring().used_index() - offered) >= 0 || disk.needs_reset();
  });
}

// Offers one and the same read again and again, while `meanwhile(turn)` runs on the other CPU;
// begins anew whenever the device breaks.
template <typename Function>
void Race(Stage& stage, Function meanwhile) {
  Disk& disk = stage.victim;
  int breaks = 0;
  disk.Describe(0, BlockRequestType::kIn, 0, kSectorBytes);
  {
    const Meanwhile other(meanwhile);
    Repeat([&] {
      disk.ring().Offer(0);
      disk.Kick();
      Expect(Settles(disk), "the device answers, or asks for a reset");
      if (!disk.needs_reset()) return;
      ++breaks;
      disk.Begin();
      disk.Describe(0, BlockRequestType::kIn, 0, kSectorBytes);
    });
  }
  SetOutcome(breaks == 0 ? "served" : "needed resets");
  Expect(disk.Begin(), "the device begins anew");
  ExpectAlive(disk);
  ExpectAlive(stage.bystander);
}

void AddressFlips(Stage& stage) {
  void* const address = Field(stage.victim, 1, offsetof(RingDescriptor, address));
  const uint64_t good = AddressOf(&stage.victim.request().data);
  Race(stage, [=](uint64_t turn) { Put(address, turn % 2 == 0 ? kNoRam : good); });
}

void LengthFlips(Stage& stage) {
  void* const length = Field(stage.victim, 1, offsetof(RingDescriptor, length));
  Race(stage,
       [=](uint64_t turn) { Put(length, turn % 2 == 0 ? 0xffff'f000 : uint32_t{kSectorBytes}); });
}

void FlagsFlip(Stage& stage) {
  void* const flags = Field(stage.victim, 1, offsetof(RingDescriptor, flags));
  Race(stage, [=](uint64_t turn) { Put(flags, static_cast<uint16_t>(turn % 8)); });
}

void NextFlips(Stage& stage) {
  void* const next = Field(stage.victim, 1, offsetof(RingDescriptor, next));
  constexpr std::array<uint16_t, 4> kNexts = {2, 0, 1, 0xffff};
  Race(stage, [=](uint64_t turn) { Put(next, kNexts[turn % kNexts.size()]); });
}

void HeaderFlips(Stage& stage) {
  BlockRequestHeader& header = stage.victim.request().header;
  Race(stage, [&header](uint64_t turn) {
    Put(&header.sector, turn % 2 == 0 ? ~uint64_t{0} : 0);
    Put(&header.type,
        static_cast<uint32_t>(turn % 3 == 0 ? BlockRequestType::kGetId : BlockRequestType::kIn));
  });
}

void AvailableIndexFlips(Stage& stage) {
  std::byte* const index = stage.victim.ring().available_bytes().data() + virtio::kAvailableIndex;
  Disk& disk = stage.victim;
  Race(stage, [=, &disk](uint64_t turn) {
    const uint16_t honest = disk.ring().available_index();
    Put(index, turn % 2 == 0 ? honest : static_cast<uint16_t>(honest + turn % 0x400));
    if (turn % 2 == 0) Put(index, honest);
  });
}

void HeadsFlip(Stage& stage) {
  std::byte* const ring = stage.victim.ring().available_bytes().data() + virtio::kAvailableRing;
  const uint16_t size = stage.victim.ring().size();
  Race(stage, [=](uint64_t turn) {
    Put(ring + turn % size * virtio::kAvailableEntrySize,
        static_cast<uint16_t>(turn % 7 == 0 ? 0xffff : 0));
  });
}

void UsedRingScribbled(Stage& stage) {
  const std::span<std::byte> used = stage.victim.ring().used_bytes().subspan(virtio::kUsedRing);
  Race(stage,
       [=](uint64_t turn) { Put(used.data() + turn % used.size(), static_cast<uint8_t>(turn)); });
}

// An indirect table whose entries change: an indirect one among them, loops, places without RAM.
void IndirectTableFlips(Stage& stage) {
  Disk& disk = stage.victim;
  auto* const table = reinterpret_cast<RingDescriptor*>(Scratch().data());
  const uint64_t data = AddressOf(&disk.request().data);
  table[0] = Header(disk, 1);
  table[1] = FromDevice(data, kSectorBytes, 2);
  table[2] = Status(disk);
  const RingDescriptor indirect = Indirect(AddressOf(table), 3 * kDescriptorSize);
  Race(stage, [&disk, table, data, indirect](uint64_t turn) {
    disk.ring().Set(0, indirect);
    Put(&table[1].address, turn % 2 == 0 ? kNoRam : data);
    Put(&table[1].flags, static_cast<uint16_t>(turn % 3 == 0 ? kDescriptorIndirect
                                                             : kDescriptorNext | kDescriptorWrite));
    Put(&table[1].next, static_cast<uint16_t>(turn % 5 == 0 ? 1 : 2));
  });
}

// The other CPU changes what is being written: the disk gets one or the other.
void DataFlips(Stage& stage) {
  Disk& disk = stage.victim;
  uint64_t* const word = reinterpret_cast<uint64_t*>(disk.request().data.data());
  constexpr uint64_t kSector = Disk::kWrittenSector;
  {
    const Meanwhile other([word](uint64_t turn) { Put(word + turn % 64, turn); });
    Repeat([&] {
      Expect(disk.Do(BlockRequestType::kOut, kSector, kSectorBytes) == uint8_t{0},
             "the write is done");
    });
  }
  SetOutcome("served");
  Expect(disk.Writes(), "the disk holds what is written last");
}

// One CPU sets the queue up elsewhere all the time, the other uses it.
void RegistersWrittenMeanwhile(Stage& stage) {
  const Registers registers = stage.victim.registers();
  QueuePlace elsewhere = stage.victim.ring().place();
  elsewhere.used = kNoRam;
  Race(stage, [=](uint64_t) { registers.SetUpQueue(0, elsewhere); });
}

// The other CPU resets the device whenever it likes.
void ResetsMeanwhile(Stage& stage) {
  Disk& disk = stage.victim;
  {
    const Meanwhile other([registers = disk.registers()](uint64_t) { registers.Reset(); });
    Repeat([&] {
      disk.Begin();
      disk.Describe(0, BlockRequestType::kIn, 0, Disk::kDataBytes);
      for (uint16_t place = 0; place < disk.ring().size(); ++place) {
        disk.ring().SetAvailable(place, 0);
      }
      disk.ring().SetAvailableIndex(disk.ring().size());
      disk.Kick();
    });
  }
  SetOutcome("given up and begun anew");
  Expect(disk.Begin(), "the device begins anew");
  ExpectAlive(disk);
}

// Both CPUs go through the whole initialisation, as two drivers for one device would.
void TwoDrivers(Stage& stage) {
  Disk& disk = stage.victim;
  const QueuePlace place = disk.ring().place();
  {
    const Meanwhile other([registers = disk.registers(), place](uint64_t) {
      registers.Negotiate(virtio::kRingFeatures);
      registers.SetUpQueue(0, place);
      registers.AddStatus(virtio::kStatusDriverOk);
      registers.Kick(0);
    });
    Repeat([&] {
      disk.Begin();
      disk.Kick();
    });
  }
  Expect(disk.Begin(), "the device begins anew");
  ExpectAlive(disk);
}

constexpr auto kAttacks = std::to_array<Attack>({
    {"address_flips", AddressFlips},
    {"length_flips", LengthFlips},
    {"flags_flip", FlagsFlip},
    {"next_flips", NextFlips},
    {"header_flips", HeaderFlips},
    {"available_index_flips", AvailableIndexFlips},
    {"heads_flip", HeadsFlip},
    {"used_ring_scribbled", UsedRingScribbled},
    {"indirect_table_flips", IndirectTableFlips},
    {"data_flips", DataFlips},
    {"registers_written_meanwhile", RegistersWrittenMeanwhile},
    {"resets_meanwhile", ResetsMeanwhile},
    {"two_drivers", TwoDrivers},
});

}  // namespace

std::span<const Attack> RaceAttacks() { return kAttacks; }

}  // namespace mayfly::hostile
