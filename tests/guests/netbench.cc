// Measures the first virtio-net device, by words of the command line:
//   cases=NAME,...  of tx-64, tx-gso, rx-64, rx-gso, rr-64; all of them where none are given
//   ms=N            how long each case lasts (500)
// On the other side is a partner as netbench_protocol.h has it; what tx cases send, the host drops.
//
// A case begins with "begin NAME" on the console and ends with one line of names and values:
//   result NAME operations=.. nanoseconds=.. pps=.. mbits=.. kicks=.. interrupts=..
// Operations are packets, those of rr-64 round trips. Kicks and interrupts are per 1000 of them.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "images/unikernel/clock.h"
#include "images/unikernel/command_line.h"
#include "images/unikernel/console.h"
#include "images/unikernel/net.h"
#include "images/unikernel/timer.h"
#include "tests/guests/netbench_protocol.h"

namespace {

using namespace mayfly::guest;
using mayfly::netbench::Frame;
using mayfly::netbench::Kind;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr uint64_t kDefaultMilliseconds = 500;
constexpr milliseconds kWarmUp{20};
constexpr milliseconds kRest{20};
constexpr size_t kBurst = 32;       // packets that are shown to the device at once
constexpr size_t kGsoPackets = 16;  // of different memory

struct Count {
  uint64_t packets = 0;
  uint64_t bytes = 0;  // of frames
  nanoseconds took{};
};

// A header and a frame, as the device wants them.
struct SmallPacket {
  NetHeader header;
  Frame frame;
};
static_assert(sizeof(SmallPacket) == sizeof(NetHeader) + sizeof(Frame));

class Bench final {
 public:
  explicit Bench(NetDevice& net) : net_(net) {
    control_.frame = {
        .destination = mayfly::netbench::kPeerMac,
        .source = net.mac(),
        .type_big_endian = mayfly::netbench::BigEndian(mayfly::netbench::kControlType)};
  }

  Count SendSmall(nanoseconds duration) {
    std::vector<SmallPacket> packets(Virtqueue::kMaxSize);
    for (SmallPacket& packet : packets) {
      packet.frame = control_.frame;
      packet.frame.type_big_endian = mayfly::netbench::BigEndian(mayfly::netbench::kSinkType);
    }
    return SendFor(duration, packets.size(), sizeof(Frame),
                   [&](size_t i) { return std::as_bytes(std::span(&packets[i], 1)); });
  }

  Count SendGso(nanoseconds duration) {
    constexpr size_t kBytes = sizeof(NetHeader) + mayfly::netbench::kGsoFrameBytes;
    std::vector<std::byte> memory(kGsoPackets * kBytes, std::byte{0x5a});
    const auto packet = [&](size_t i) { return std::span(memory).subspan(i * kBytes, kBytes); };
    const auto headers = mayfly::netbench::GsoHeaders(mayfly::netbench::kPeerMac, net_.mac());
    const NetHeader header = {.flags = NetHeader::kNeedsChecksum,
                              .gso_type = NetHeader::kGsoTcp4,
                              .header_bytes = mayfly::netbench::kHeadersBytes,
                              .gso_bytes = mayfly::netbench::kSegmentBytes,
                              .checksum_start = mayfly::netbench::kChecksumStart,
                              .checksum_offset = mayfly::netbench::kChecksumOffset};
    for (size_t i = 0; i < kGsoPackets; ++i) {
      std::memcpy(packet(i).data(), &header, sizeof header);
      std::memcpy(packet(i).data() + sizeof header, headers.data(), headers.size());
    }
    return SendFor(duration, kGsoPackets, mayfly::netbench::kGsoFrameBytes, packet);
  }

  std::optional<Count> Receive(nanoseconds duration, Kind start, uint32_t credit) {
    if (!Tell(start, 0)) return std::nullopt;
    Count count;
    uint32_t arrived = 0;
    const nanoseconds begin = Now();
    nanoseconds last = begin;
    while (true) {
      const std::optional<NetPacket> packet = net_.Receive();
      if (!packet) {
        net_.WaitForPacket();
        last = Now();
        // On a busy host the partner may be late: what woke us may be the first packet.
        if (count.packets != 0 && last - begin >= duration) break;
        continue;
      }
      if (packet->bytes < sizeof(Frame)) continue;
      ++count.packets;
      count.bytes += packet->bytes;
      if (++arrived % credit != 0) continue;
      if (!Tell(Kind::kCredit, arrived)) return std::nullopt;
      last = Now();
      if (last - begin >= duration) break;
    }
    count.took = last - begin;
    if (!Tell(Kind::kStop, 0)) return std::nullopt;
    Drain();
    return count;
  }

  std::optional<Count> RoundTrips(nanoseconds duration) {
    Count count;
    const nanoseconds begin = Now();
    while (count.took < duration) {
      if (!Tell(Kind::kPing, 0)) return std::nullopt;
      while (!IsPong(net_.Receive())) net_.WaitForPacket();
      ++count.packets;
      count.bytes += 2 * sizeof(Frame);
      count.took = Now() - begin;
    }
    return count;
  }

 private:
  // Keeps the queue full of `packets` packets by turns; ends when all are sent.
  template <typename Packet>
  Count SendFor(nanoseconds duration, size_t packets, size_t frame_bytes, const Packet& packet) {
    Count count;
    const nanoseconds begin = Now();
    size_t next = 0;
    while (Now() - begin < duration) {
      size_t added = 0;
      while (added < kBurst && net_.Send(packet(next))) {
        next = (next + 1) % packets;
        ++added;
      }
      net_.KickSend();
      count.packets += added;
      net_.TakeSent();
      if (added < kBurst) net_.WaitForRoom();
    }
    FinishSending();
    count.took = Now() - begin;
    count.bytes = count.packets * frame_bytes;
    return count;
  }

  void FinishSending() {
    net_.TakeSent();
    while (net_.sending() != 0) {
      net_.WaitForRoom();
      net_.TakeSent();
    }
  }

  // A word to the partner.
  bool Tell(Kind kind, uint32_t number) {
    net_.TakeSent();
    SmallPacket& packet = words_[next_word_++ % words_.size()];
    packet = control_;
    packet.frame.kind = kind;
    packet.frame.count = number;
    if (!net_.Send(std::as_bytes(std::span(&packet, 1)))) return false;
    net_.KickSend();
    return true;
  }

  // What is still on its way after a stop.
  void Drain() {
    const nanoseconds end = Now() + kRest;
    while (Now() < end) {
      if (!net_.Receive()) Spin(std::chrono::microseconds(100));
    }
    FinishSending();
  }

  static bool IsPong(const std::optional<NetPacket>& packet) {
    if (!packet || packet->bytes < sizeof(Frame)) return false;
    Frame frame;
    std::memcpy(&frame, packet->pieces.front().data(), sizeof frame);
    return frame.type_big_endian == mayfly::netbench::BigEndian(mayfly::netbench::kControlType) &&
           frame.kind == Kind::kPong;
  }

  NetDevice& net_;
  SmallPacket control_{};
  std::array<SmallPacket, Virtqueue::kMaxSize> words_{};  // as many as can be in flight
  size_t next_word_ = 0;
};

constexpr std::array<std::string_view, 5> kCases = {"tx-64", "tx-gso", "rx-64", "rx-gso", "rr-64"};

std::optional<Count> RunCase(Bench& bench, std::string_view name, nanoseconds duration) {
  if (name == "tx-64") return bench.SendSmall(duration);
  if (name == "tx-gso") return bench.SendGso(duration);
  if (name == "rx-64") {
    return bench.Receive(duration, Kind::kStartSmall, mayfly::netbench::kSmallCredit);
  }
  if (name == "rx-gso") {
    return bench.Receive(duration, Kind::kStartGso, mayfly::netbench::kGsoCredit);
  }
  if (name == "rr-64") return bench.RoundTrips(duration);
  Print("there is no case {}\n", name);
  return std::nullopt;
}

bool Measure(NetDevice& net, Bench& bench, std::string_view name, nanoseconds duration) {
  if (!RunCase(bench, name, kWarmUp)) return false;
  Print("begin {}\n", name);
  Sleep(kRest);
  const uint64_t kicks_before = net.kicks();
  const uint64_t interrupts_before = net.interrupts();
  const std::optional<Count> count = RunCase(bench, name, duration);
  if (!count || count->packets == 0 || count->took <= nanoseconds(0)) {
    Print("failed {}\n", name);
    return false;
  }
  constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
  constexpr uint64_t kPer = 1000;
  constexpr uint64_t kBits = 8;
  const auto took = static_cast<uint64_t>(count->took.count());
  const uint64_t microseconds = std::max<uint64_t>(took / 1000, 1);
  Print("result {} operations={} nanoseconds={} pps={} mbits={} kicks={} interrupts={}\n", name,
        count->packets, took, count->packets * kNanosecondsPerSecond / took,
        count->bytes * kBits / microseconds, (net.kicks() - kicks_before) * kPer / count->packets,
        (net.interrupts() - interrupts_before) * kPer / count->packets);
  Sleep(kRest);
  return true;
}

}  // namespace

int main() {
  const std::vector<std::unique_ptr<NetDevice>> devices = NetDevice::FindAll();
  if (devices.empty()) {
    Print("there is no network device\n");
    return 1;
  }
  NetDevice& net = *devices[0];
  Print("features {:x}\n", net.features());
  auto bench = std::make_unique<Bench>(net);
  const nanoseconds duration =
      milliseconds(ParseNumber(OptionValue("ms").value_or("")).value_or(kDefaultMilliseconds));
  const auto names = OptionValue("cases");
  if (!names) {
    return std::ranges::all_of(
               kCases, [&](std::string_view name) { return Measure(net, *bench, name, duration); })
               ? 0
               : 1;
  }
  std::string_view rest = *names;
  while (!rest.empty()) {
    const std::string_view name = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    if (!Measure(net, *bench, name, duration)) return 1;
  }
  return 0;
}
