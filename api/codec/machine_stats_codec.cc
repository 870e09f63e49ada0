#include "api/codec/machine_stats_codec.h"

#include <algorithm>

#include "api/codec/text.h"

namespace mayfly::api {
namespace {

// --- To the wire.

void EncodeDisk(const vmm::DiskStats& stats, rpc::DiskStats::Builder builder) {
  const virtio::BlockCounters& counters = stats.counters;
  builder.setReads(counters.reads);
  builder.setWrites(counters.writes);
  builder.setFlushes(counters.flushes);
  builder.setDiscards(counters.discards);
  builder.setWriteZeroes(counters.write_zeroes);
  builder.setReadBytes(counters.read_bytes);
  builder.setWrittenBytes(counters.written_bytes);
  builder.setErrors(counters.errors);
  builder.setThrottled(counters.throttled);
  builder.setCapacity(stats.capacity);
  builder.setOverlayBytes(stats.overlay_bytes);
}

void EncodeDirection(const vmm::NetDirectionStats& stats, rpc::NetDirectionStats::Builder builder) {
  builder.setPackets(stats.packets);
  builder.setBytes(stats.bytes);
  builder.setThrottled(stats.throttled);
  auto drops = builder.initDrops(static_cast<capnp::uint>(stats.drops.size()));
  capnp::uint position = 0;
  for (const vmm::NetDrops& drop : stats.drops) {
    auto entry = drops[position++];
    entry.setReason(ToText(drop.reason));
    entry.setFrames(drop.frames);
  }
}

void EncodeNet(const vmm::NetStats& stats, rpc::NetStats::Builder builder) {
  builder.setMac(kj::arrayPtr(stats.mac.bytes.data(), stats.mac.bytes.size()));
  EncodeDirection(stats.transmit, builder.initTransmit());
  EncodeDirection(stats.receive, builder.initReceive());
}

// --- From the wire.

[[nodiscard]] vmm::DiskStats DecodeDisk(rpc::DiskStats::Reader reader) {
  return {.counters = {.reads = reader.getReads(),
                       .writes = reader.getWrites(),
                       .flushes = reader.getFlushes(),
                       .discards = reader.getDiscards(),
                       .write_zeroes = reader.getWriteZeroes(),
                       .read_bytes = reader.getReadBytes(),
                       .written_bytes = reader.getWrittenBytes(),
                       .errors = reader.getErrors(),
                       .throttled = reader.getThrottled()},
          .capacity = reader.getCapacity(),
          .overlay_bytes = reader.getOverlayBytes()};
}

[[nodiscard]] vmm::NetDirectionStats DecodeDirection(rpc::NetDirectionStats::Reader reader) {
  vmm::NetDirectionStats stats{.packets = reader.getPackets(),
                               .bytes = reader.getBytes(),
                               .throttled = reader.getThrottled(),
                               .drops = {}};
  for (const auto entry : reader.getDrops()) {
    stats.drops.push_back({.reason = FromText(entry.getReason()), .frames = entry.getFrames()});
  }
  return stats;
}

[[nodiscard]] vmm::NetStats DecodeNet(rpc::NetStats::Reader reader) {
  vmm::NetStats stats;
  const auto mac = reader.getMac();
  std::copy_n(mac.begin(), std::min(mac.size(), stats.mac.bytes.size()), stats.mac.bytes.begin());
  stats.transmit = DecodeDirection(reader.getTransmit());
  stats.receive = DecodeDirection(reader.getReceive());
  return stats;
}

[[nodiscard]] vmm::MachineState DecodeState(rpc::MachineState state) {
  switch (state) {
    case rpc::MachineState::CREATED:
      return vmm::MachineState::kCreated;
    case rpc::MachineState::RUNNING:
      return vmm::MachineState::kRunning;
    case rpc::MachineState::PAUSED:
      return vmm::MachineState::kPaused;
    case rpc::MachineState::ENDED:
      return vmm::MachineState::kEnded;
  }
  return vmm::MachineState::kRunning;
}

static_assert(static_cast<unsigned>(vmm::MachineState::kCreated) ==
              static_cast<unsigned>(rpc::MachineState::CREATED));
static_assert(static_cast<unsigned>(vmm::MachineState::kEnded) ==
              static_cast<unsigned>(rpc::MachineState::ENDED));

}  // namespace

void EncodeMachineStats(const vmm::MachineStats& stats, rpc::MachineStats::Builder builder) {
  builder.setState(static_cast<rpc::MachineState>(stats.state));
  builder.setCpuNanoseconds(static_cast<uint64_t>(stats.cpu.count()));
  builder.setResidentBytes(stats.resident_bytes);
  builder.setConsoleBytes(stats.console_bytes);
  builder.setEvents(stats.events);
  capnp::uint position = 0;
  auto disks = builder.initDisks(static_cast<capnp::uint>(stats.devices.disks.size()));
  for (const vmm::DiskStats& disk : stats.devices.disks) EncodeDisk(disk, disks[position++]);
  position = 0;
  auto nets = builder.initNets(static_cast<capnp::uint>(stats.devices.nets.size()));
  for (const vmm::NetStats& net : stats.devices.nets) EncodeNet(net, nets[position++]);
}

vmm::MachineStats DecodeMachineStats(rpc::MachineStats::Reader reader) {
  vmm::MachineStats stats{
      .state = DecodeState(reader.getState()),
      .cpu = Nanoseconds(static_cast<Nanoseconds::rep>(reader.getCpuNanoseconds())),
      .resident_bytes = reader.getResidentBytes(),
      .devices = {},
      .console_bytes = reader.getConsoleBytes(),
      .events = reader.getEvents()};
  for (const auto disk : reader.getDisks()) stats.devices.disks.push_back(DecodeDisk(disk));
  for (const auto net : reader.getNets()) stats.devices.nets.push_back(DecodeNet(net));
  return stats;
}

}  // namespace mayfly::api
