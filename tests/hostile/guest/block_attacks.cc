// Requests that virtio-blk does not have, or that ask for what the disk has not
// (virtio 1.2, 5.2.6).

#include <array>
#include <cstring>

#include "tests/hostile/guest/attack.h"

namespace mayfly::hostile {
namespace {

using virtio::BlockSegment;

constexpr uint64_t kSecond = 1;  // a sector that exists

// One request as the driver would make it, with `bytes` of data; the answer must be `status`.
void Request(Disk& disk, uint32_t type, uint64_t sector, uint32_t bytes, BlockStatus status) {
  const std::optional<uint8_t> answer = disk.Do(BlockRequestType{type}, sector, bytes);
  Expect(answer == static_cast<uint8_t>(status), "the request is answered as it should");
}

void ReadSector(Stage& stage, uint64_t sector, uint32_t bytes) {
  Request(stage.victim, static_cast<uint32_t>(BlockRequestType::kIn), sector, bytes,
          BlockStatus::kIoError);
  Request(stage.victim, static_cast<uint32_t>(BlockRequestType::kOut), sector, bytes,
          BlockStatus::kIoError);
  SetOutcome("I/O error");
  ExpectAlive(stage.victim);
}

void NoStatus(Stage& stage) {
  Breaks(stage.victim, {Header(stage.victim, 1), ToDevice(0x1000, 1)});
}
void NoHeader(Stage& stage) { Breaks(stage.victim, {Status(stage.victim)}); }

void ShortHeader(Stage& stage) {
  Disk& disk = stage.victim;
  RingDescriptor header = Header(disk, 1);
  header.length = sizeof(BlockRequestHeader) - 1;
  Breaks(disk, {header, Status(disk)});
}

void WritableHeader(Stage& stage) {
  Disk& disk = stage.victim;
  RingDescriptor header = Header(disk, 1);
  header.flags |= virtio::kDescriptorWrite;
  Breaks(disk, {header, Status(disk)});
}

// A header in sixteen pieces is a header (virtio 1.2, 2.7.4).
void HeaderInPieces(Stage& stage) {
  Disk& disk = stage.victim;
  Ring& ring = disk.ring();
  const uint64_t header = Header(disk, 0).address;
  uint16_t index = 0;
  for (; index < sizeof(BlockRequestHeader); ++index) {
    ring.Set(index, ToDevice(header + index, 1, static_cast<uint16_t>(index + 1)));
  }
  ring.Set(index, FromDevice(AddressOf(&disk.request().data), kSectorBytes - 1,
                             static_cast<uint16_t>(index + 1)));
  ++index;
  // The last byte of the data and the status, in one piece.
  ring.Set(index, FromDevice(AddressOf(Scratch().data()), 2));
  Scratch()[1] = std::byte{Disk::kNoStatus};
  ring.Offer(0);
  disk.Kick();
  Expect(disk.AwaitUsed(1), "the device returns the chain");
  Expect(Scratch()[1] == std::byte{0}, "it has read the sector");
  SetOutcome("served");
  ExpectAlive(disk);
}

void SectorBeyondTheEnd(Stage& stage) { ReadSector(stage, stage.victim.sectors(), kSectorBytes); }
void AcrossTheEndOfTheDisk(Stage& stage) {
  ReadSector(stage, stage.victim.sectors() - 1, 2 * kSectorBytes);
}
void LastSectorOfAll(Stage& stage) { ReadSector(stage, ~uint64_t{0}, kSectorBytes); }
// Times 512, it is sector 0 again.
void SectorThatWraps(Stage& stage) { ReadSector(stage, uint64_t{1} << 55, kSectorBytes); }
// Its end, in bytes, is 0.
void SectorThatEndsAtZero(Stage& stage) {
  ReadSector(stage, (uint64_t{1} << 55) - 1, kSectorBytes);
}
void HalfASector(Stage& stage) { ReadSector(stage, kSecond, kSectorBytes / 2); }
void OneByteTooMany(Stage& stage) { ReadSector(stage, kSecond, kSectorBytes + 1); }

void NoData(Stage& stage) {
  Disk& disk = stage.victim;
  for (const BlockRequestType type : {BlockRequestType::kIn, BlockRequestType::kOut}) {
    Expect(disk.Do(type, kSecond, 0).has_value(), "the request is answered");
  }
  SetOutcome("served");
  ExpectAlive(disk);
}

// The read's data lies where the device may only read: there is no room for a byte.
void ReadIntoReadable(Stage& stage) {
  Disk& disk = stage.victim;
  std::byte& witness = disk.request().data[0];
  witness = std::byte{0x5a};
  disk.ring().Set(0, Header(disk, 1));
  disk.ring().Set(1, ToDevice(AddressOf(&witness), kSectorBytes, 2));
  disk.ring().Set(2, Status(disk));
  disk.ring().Offer(0);
  disk.Kick();
  Expect(disk.AwaitUsed(1), "the device returns the chain");
  Expect(witness == std::byte{0x5a}, "it wrote nothing to what it may only read");
  SetOutcome("served");
  ExpectAlive(disk);
}

// Data on both sides: what is on the other is not looked at.
void DataOnBothSides(Stage& stage) {
  Disk& disk = stage.victim;
  const uint64_t data = AddressOf(&disk.request().data);
  Answers(disk,
          {Header(disk, 1), ToDevice(AddressOf(Scratch().data()), 3 * kSectorBytes + 1, 2),
           FromDevice(data, kSectorBytes, 3), Status(disk)},
          BlockStatus::kOk);
}

void UnknownTypes(Stage& stage) {
  Disk& disk = stage.victim;
  // Legacy SCSI, lifetime, secure erase and zones, bits of old barriers, and nonsense.
  for (const uint32_t type : {2U, 3U, 5U, 9U, 12U, 14U, 17U, 26U, 0x8000'0000U, 0xffff'ffffU}) {
    // Nothing may be known of the request but its header and status.
    disk.request().header = {.type = type, .reserved = 0xffff'ffff, .sector = ~uint64_t{0}};
    const RingDescriptor header =
        ToDevice(AddressOf(&disk.request().header), sizeof(BlockRequestHeader), 1);
    disk.ring().Set(0, header);
    disk.ring().Set(1, Status(disk));
    disk.ring().Offer(0);
    disk.Kick();
    Expect(disk.AwaitUsed(1), "the device returns the chain");
    Expect(disk.request().status == static_cast<uint8_t>(BlockStatus::kUnsupported),
           "it does not know the request");
  }
  SetOutcome("unsupported");
  ExpectAlive(disk);
}

// GET_ID with less room than an id has, and with far more.
void IdOfAllSizes(Stage& stage) {
  Disk& disk = stage.victim;
  for (const uint32_t bytes : {0U, 1U, 19U, 20U, 21U, 4096U, uint32_t{Disk::kDataBytes}}) {
    std::byte& behind = disk.request().data[virtio::kBlockIdSize];
    behind = std::byte{0x5a};
    Expect(disk.Do(BlockRequestType::kGetId, ~uint64_t{0}, bytes).has_value(),
           "the request is answered");
    Expect(behind == std::byte{0x5a}, "an id is no longer than it may be");
  }
  SetOutcome("served");
  ExpectAlive(disk);
}

void FlushWithEverything(Stage& stage) {
  Disk& disk = stage.victim;
  Expect(disk.Do(BlockRequestType::kFlush, ~uint64_t{0}, Disk::kDataBytes).has_value(),
         "a flush of a sector that is not, with data, is answered");
  SetOutcome("served");
  ExpectAlive(disk);
}

// Segments of DISCARD and WRITE_ZEROES: each must be refused, and nothing of the disk be lost.
void Segments(Stage& stage, BlockRequestType type) {
  Disk& disk = stage.victim;
  constexpr uint64_t kAll = ~uint64_t{0};
  constexpr uint32_t kMost = ~uint32_t{0};
  const uint64_t end = disk.sectors();
  const std::array segments = {
      BlockSegment{end, 1, 0},
      BlockSegment{end - 1, 2, 0},
      BlockSegment{kAll, 1, 0},
      BlockSegment{0, kMost, 0},
      BlockSegment{kAll, kMost, 0},
      BlockSegment{kSecond, kMost, 1},
      BlockSegment{uint64_t{1} << 55, 8, 0},
      BlockSegment{0, 8, 0xffff'fffe},
  };
  for (const BlockSegment& segment : segments) {
    const std::optional<uint8_t> answer = disk.Do(type, segment);
    Expect(answer && *answer != 0, "a segment that cannot be is refused");
  }
  // No segment at all is no request; nor is a part of one; and there are only so many.
  for (const uint32_t bytes : {1U, 15U, 17U, uint32_t{Disk::kDataBytes}}) {
    std::memset(disk.request().data.data(), 0xff, Disk::kDataBytes);
    const std::optional<uint8_t> answer = disk.Do(type, 0, bytes);
    Expect(answer && *answer != 0, "segments that cannot be are refused");
  }
  SetOutcome("refused");
  ExpectAlive(disk);
}

void DiscardOfAllKinds(Stage& stage) {
  Expect(stage.victim.Begin(~uint64_t{0}), "the device takes all that it offers");
  Segments(stage, BlockRequestType::kDiscard);
}
void WriteZeroesOfAllKinds(Stage& stage) {
  Expect(stage.victim.Begin(~uint64_t{0}), "the device takes all that it offers");
  Segments(stage, BlockRequestType::kWriteZeroes);
}
// Without having been agreed on. Whatever the device makes of it, the disk stays as it is.
void DiscardNotNegotiated(Stage& stage) {
  Disk& disk = stage.victim;
  const BlockSegment segment = {kSecond, 8, 0};
  for (const BlockRequestType type : {BlockRequestType::kDiscard, BlockRequestType::kWriteZeroes}) {
    const std::optional<uint8_t> answer = disk.Do(type, segment);
    Expect(answer == static_cast<uint8_t>(BlockStatus::kUnsupported),
           "what was not negotiated is not done");
  }
  SetOutcome("unsupported");
  ExpectAlive(disk);
}

// To a disk that was given read-only.
void WriteToReadOnly(Stage& stage) {
  Disk& disk = stage.victim;
  constexpr uint64_t kReadOnly = virtio::kBlockFeatureReadOnly;
  Expect((disk.registers().OfferedFeatures() & kReadOnly) != 0, "the disk says it is read-only");
  // A driver that has not heard of it, and one that has.
  for (const uint64_t features : {Disk::kUsualFeatures, Disk::kUsualFeatures | kReadOnly}) {
    Expect(disk.Begin(features), "the device starts");
    std::memset(disk.request().data.data(), 0xff, kSectorBytes);
    const std::optional<uint8_t> answer = disk.Do(BlockRequestType::kOut, kSecond, kSectorBytes);
    Expect(answer == static_cast<uint8_t>(BlockStatus::kIoError), "a write is refused");
    for (const BlockRequestType type :
         {BlockRequestType::kDiscard, BlockRequestType::kWriteZeroes}) {
      const BlockSegment segment = {kSecond, 8, 0};
      const std::optional<uint8_t> other = disk.Do(type, segment);
      Expect(other && *other != 0, "so is every other change");
    }
  }
  SetOutcome("I/O error");
  ExpectAlive(disk);
}

constexpr auto kAttacks = std::to_array<Attack>({
    {"no_status", NoStatus},
    {"no_header", NoHeader},
    {"short_header", ShortHeader},
    {"writable_header", WritableHeader},
    {"header_in_pieces", HeaderInPieces},
    {"sector_beyond_the_end", SectorBeyondTheEnd},
    {"across_the_end_of_the_disk", AcrossTheEndOfTheDisk},
    {"last_sector_of_all", LastSectorOfAll},
    {"sector_that_wraps", SectorThatWraps},
    {"sector_that_ends_at_zero", SectorThatEndsAtZero},
    {"half_a_sector", HalfASector},
    {"one_byte_too_many", OneByteTooMany},
    {"no_data", NoData},
    {"read_into_readable", ReadIntoReadable},
    {"data_on_both_sides", DataOnBothSides},
    {"unknown_types", UnknownTypes},
    {"id_of_all_sizes", IdOfAllSizes},
    {"flush_with_everything", FlushWithEverything},
    {"discard_of_all_kinds", DiscardOfAllKinds},
    {"write_zeroes_of_all_kinds", WriteZeroesOfAllKinds},
    {"discard_not_negotiated", DiscardNotNegotiated},
    {"write_to_read_only", WriteToReadOnly},
});

}  // namespace

std::span<const Attack> BlockAttacks() { return kAttacks; }

}  // namespace mayfly::hostile
