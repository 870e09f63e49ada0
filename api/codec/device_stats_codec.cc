#include "api/codec/device_stats_codec.h"

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

}  // namespace

void EncodeDeviceStats(const vmm::DeviceStats& stats,
                       rpc::Machine::DeviceStatsResults::Builder builder) {
  capnp::uint position = 0;
  auto disks = builder.initDisks(static_cast<capnp::uint>(stats.disks.size()));
  for (const vmm::DiskStats& disk : stats.disks) EncodeDisk(disk, disks[position++]);
  position = 0;
  auto nets = builder.initNets(static_cast<capnp::uint>(stats.nets.size()));
  for (const vmm::NetStats& net : stats.nets) EncodeNet(net, nets[position++]);
}

vmm::DeviceStats DecodeDeviceStats(rpc::Machine::DeviceStatsResults::Reader reader) {
  vmm::DeviceStats stats;
  for (const auto disk : reader.getDisks()) stats.disks.push_back(DecodeDisk(disk));
  for (const auto net : reader.getNets()) stats.nets.push_back(DecodeNet(net));
  return stats;
}

}  // namespace mayfly::api
