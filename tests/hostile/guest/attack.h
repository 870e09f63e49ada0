#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "tests/hostile/guest/disk.h"
#include "tests/hostile/guest/expect.h"
#include "tests/hostile/guest/nic.h"
#include "tests/hostile/guest/ring.h"

namespace mayfly::hostile {

// What an attack finds: a disk to attack, initialised, and one that must not notice; perhaps a
// network card, initialised, to be attacked instead.
struct Stage {
  Disk& victim;
  Disk& bystander;
  Nic* nic = nullptr;
  bool link_is_lost = false;  // the attack cost the card its network, for good
};

// One way to misbehave. `name` is what the test on the host calls it.
struct Attack {
  std::string_view name;
  void (*run)(Stage& stage);
};

// By theme, each in a file of its own.
[[nodiscard]] std::span<const Attack> RingAttacks();
[[nodiscard]] std::span<const Attack> BufferAttacks();
[[nodiscard]] std::span<const Attack> BlockAttacks();
[[nodiscard]] std::span<const Attack> ResizeAttacks();
[[nodiscard]] std::span<const Attack> CapAttacks();
[[nodiscard]] std::span<const Attack> RegisterAttacks();
[[nodiscard]] std::span<const Attack> QueueAttacks();
[[nodiscard]] std::span<const Attack> RaceAttacks();
[[nodiscard]] std::span<const Attack> StormAttacks();
// These find a card.
[[nodiscard]] std::span<const Attack> NetAttacks();
[[nodiscard]] std::span<const Attack> NetOffloadAttacks();
[[nodiscard]] std::span<const Attack> NetQueueAttacks();
[[nodiscard]] std::span<const Attack> NetLinkAttacks();
// And this one, one of two queue pairs.
[[nodiscard]] std::span<const Attack> NetPairsAttacks();

// Expects that the device asks for a reset, says so by an interrupt of the configuration's kind,
// has returned `used` chains in all, and does nothing more, however often it is kicked.
void ExpectBreak(Disk& disk, uint16_t used = 0);
// Expects that it works on: it answers an ordinary request of the queue as it stands.
void ExpectAlive(Disk& disk);

// The same of a card, which is kicked at all its queues; and which echoes.
void ExpectNicBreak(Nic& nic);
void ExpectNicAlive(Nic& nic);

// Offers the chain of descriptor `head` of these, and kicks: the device must break.
void Breaks(Disk& disk, std::initializer_list<RingDescriptor> descriptors, uint16_t head = 0);
// The same, and the device must answer with `status` in request().status.
void Answers(Disk& disk, std::initializer_list<RingDescriptor> descriptors, BlockStatus status);

// Descriptors, by what their flags say; without `next` the last of their chain.
[[nodiscard]] RingDescriptor ToDevice(uint64_t address, uint64_t length);
[[nodiscard]] RingDescriptor ToDevice(uint64_t address, uint64_t length, uint16_t next);
[[nodiscard]] RingDescriptor FromDevice(uint64_t address, uint64_t length);
[[nodiscard]] RingDescriptor FromDevice(uint64_t address, uint64_t length, uint16_t next);
[[nodiscard]] RingDescriptor Indirect(uint64_t address, uint64_t length);
// The header, set to read sector 0, and the status of the disk's request.
[[nodiscard]] RingDescriptor Header(Disk& disk, uint16_t next);
[[nodiscard]] RingDescriptor Status(Disk& disk);

// Where RAM ends.
[[nodiscard]] uint64_t RamEnd();
// RAM that nobody uses, to be written by devices.
[[nodiscard]] std::span<std::byte> Scratch();

}  // namespace mayfly::hostile
