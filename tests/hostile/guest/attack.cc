#include "tests/hostile/guest/attack.h"

#include <algorithm>
#include <vector>

#include "images/unikernel/boot_info.h"
#include "images/unikernel/console.h"

namespace mayfly::hostile {
namespace {

using virtio::kDescriptorIndirect;
using virtio::kDescriptorNext;
using virtio::kDescriptorWrite;

constexpr int kVainKicks = 100;
constexpr size_t kScratchBytes = size_t{1} << 20;

RingDescriptor Describe(uint64_t address, uint64_t length, int flags, uint16_t next) {
  return {.address = address,
          .length = static_cast<uint32_t>(length),
          .flags = static_cast<uint16_t>(flags),
          .next = next};
}

}  // namespace

RingDescriptor ToDevice(uint64_t address, uint64_t length) {
  return Describe(address, length, 0, 0);
}
RingDescriptor ToDevice(uint64_t address, uint64_t length, uint16_t next) {
  return Describe(address, length, kDescriptorNext, next);
}
RingDescriptor FromDevice(uint64_t address, uint64_t length) {
  return Describe(address, length, kDescriptorWrite, 0);
}
RingDescriptor FromDevice(uint64_t address, uint64_t length, uint16_t next) {
  return Describe(address, length, kDescriptorWrite | kDescriptorNext, next);
}
RingDescriptor Indirect(uint64_t address, uint64_t length) {
  return Describe(address, length, kDescriptorIndirect, 0);
}

RingDescriptor Header(Disk& disk, uint16_t next) {
  disk.request().header = {
      .type = static_cast<uint32_t>(BlockRequestType::kIn), .reserved = 0, .sector = 0};
  return ToDevice(AddressOf(&disk.request().header), sizeof(BlockRequestHeader), next);
}

RingDescriptor Status(Disk& disk) {
  disk.request().status = Disk::kNoStatus;
  return FromDevice(AddressOf(&disk.request().status), 1);
}

void ExpectBreak(Disk& disk, uint16_t used) {
  SetOutcome("needs reset");
  const Registers& registers = disk.registers();
  Expect(disk.AwaitNeedsReset(), "the device asks for a reset");
  Expect((registers.Read(virtio::MmioRegister::kInterruptStatus) &
          virtio::kInterruptConfigChange) != 0,
         "it tells by an interrupt");
  Expect(disk.ring().used_index() == used, "it returned what was good, and nothing else");
  for (int kick = 0; kick < kVainKicks; ++kick) disk.Kick();
  Expect(disk.needs_reset(), "it still asks for a reset");
  Expect(disk.ring().used_index() == used, "it does nothing more");
}

void ExpectAlive(Disk& disk) {
  Expect(disk.Do(BlockRequestType::kIn, 0, kSectorBytes) == uint8_t{0}, "it works on");
  Expect(!disk.needs_reset(), "it needs no reset");
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

void Breaks(Disk& disk, std::initializer_list<RingDescriptor> descriptors, uint16_t head) {
  disk.ring().Set(0, {descriptors.begin(), descriptors.size()});
  disk.ring().Offer(head);
  disk.Kick();
  ExpectBreak(disk);
}

void Answers(Disk& disk, std::initializer_list<RingDescriptor> descriptors, BlockStatus status) {
  disk.ring().Set(0, {descriptors.begin(), descriptors.size()});
  disk.ring().Offer(0);
  disk.Kick();
  Expect(disk.AwaitUsed(1), "the device returns the chain");
  Expect(*const_cast<volatile uint8_t*>(&disk.request().status) == static_cast<uint8_t>(status),
         "it says what it made of it");
  SetOutcome(status == BlockStatus::kOk        ? "served"
             : status == BlockStatus::kIoError ? "I/O error"
                                               : "unsupported");
  ExpectAlive(disk);
}

uint64_t RamEnd() {
  uint64_t end = 0;
  for (const guest::MemoryRange& range : guest::MemoryMap()) {
    if (range.type == guest::MemoryType::kRam) end = std::max(end, range.end());
  }
  return end;
}

std::span<std::byte> Scratch() {
  static std::vector<std::byte> scratch(kScratchBytes);
  return scratch;
}

}  // namespace mayfly::hostile
