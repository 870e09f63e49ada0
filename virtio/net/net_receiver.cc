#include "virtio/net/net_receiver.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <span>

#include "absl/strings/str_cat.h"

namespace mayfly::virtio {
namespace {

constexpr uint16_t kDefaultMtu = 1500;
constexpr uint64_t kMaxPacketSize = kNetHeaderSize + kMaxFrameSize;
// What readv(2) takes, less the spill and what a backend adds.
constexpr size_t kMaxChainPieces = IOV_MAX - 2;

}  // namespace

NetReceiver::NetReceiver(uint16_t pair, Queue& queue, const Shared& shared, uint64_t features,
                         uint16_t mtu)
    : pair_(pair),
      queue_(queue),
      shared_(shared),
      mergeable_((features & kNetFeatureMergeableBuffers) != 0),
      ordinary_packet_(kNetHeaderSize + kEthernetHeaderSize + kVlanTagSize +
                       (mtu != 0 ? mtu : kDefaultMtu)),
      held_(queue.size()),
      wanted_(ordinary_packet_),
      // Not touched, and so not backed by memory, before a packet needs it.
      spill_(std::make_unique_for_overwrite<std::byte[]>(kMaxFrameSize)) {}

NetReceiver::Turn NetReceiver::Run(uint16_t& budget) {
  while (true) {
    if (waiting_ == 0) {
      if (budget == 0) return Turn::kBudget;
      if (const Turn turn = ReadPacket(budget); turn != Turn::kBudget) return turn;
      continue;  // where it was dropped, none waits
    }
    if (!paid_ && !shared_.gate.Admit(waiting_ - kNetHeaderSize)) {
      ++shared_.counters.receive_throttled;
      return Turn::kThrottled;
    }
    paid_ = true;
    if (const Turn turn = Deliver(); turn != Turn::kBudget) return turn;
  }
}

NetReceiver::Turn NetReceiver::ReadPacket(uint16_t& budget) {
  const uint64_t wanted = mergeable_ ? wanted_ : kNetHeaderSize;
  if (!Gather(wanted)) return Turn::kBroken;
  if (count_ == 0) return Exhausted();
  DescribeRoom(wanted);
  const NetBackend::Result result = shared_.backend.Receive(pair_, pieces_);
  if (result.error == EAGAIN) return Turn::kDrained;
  if (result.error != 0) {
    link_error_ = result.error;
    return Turn::kLinkLost;
  }
  --budget;
  waiting_ = result.bytes;
  paid_ = false;
  wanted_ = result.bytes > ordinary_packet_ ? kMaxPacketSize : ordinary_packet_;
  if (result.bytes < kNetHeaderSize + kEthernetHeaderSize ||
      !shared_.check.CheckIncoming(header_)) {
    Drop(shared_.counters.receive_unwanted);
  } else if (!mergeable_ && result.bytes > described_room_) {
    Drop(shared_.counters.receive_too_long);
  }
  return Turn::kBudget;
}

NetReceiver::Turn NetReceiver::Exhausted() {
  ++shared_.counters.receive_exhausted;
  return Turn::kNoBuffers;
}

void NetReceiver::Drop(uint64_t& counter) {
  ++counter;
  waiting_ = 0;  // the chains are as good as new: their bytes are nobody's yet
}

bool NetReceiver::Gather(uint64_t bytes) {
  while (room_ < bytes && count_ < held_.size()) {
    const size_t before = count_;
    if (!TakeChain()) return false;
    if (count_ == before) break;
  }
  return true;
}

bool NetReceiver::TakeChain() {
  Chain& chain = Held(count_);
  const absl::StatusOr<bool> popped = queue_.Pop(chain);
  if (!popped.ok()) {
    failure_ = absl::StrCat("queue ", NetReceiveQueue(pair_), ": ", popped.status().message());
    return false;
  }
  if (!*popped) return true;
  // 5.1.6.3.1: mergeable or not, the least is a header. (What comes without one would never end.)
  if (chain.writable.size() < kNetHeaderSize) {
    failure_ = absl::StrCat("a buffer in receive queue ", NetReceiveQueue(pair_), " has room for ",
                            chain.writable.size(), " bytes, less than a header");
    return false;
  }
  room_ += chain.writable.size();
  ++count_;
  return true;
}

void NetReceiver::DescribeRoom(uint64_t wanted) {
  pieces_.clear();
  pieces_.push_back({.iov_base = &header_, .iov_len = kNetHeaderSize});
  described_room_ = 0;
  described_chains_ = 0;
  while (described_room_ < wanted && described_chains_ < count_) {
    Chain& chain = Held(described_chains_);
    if (pieces_.size() + chain.writable.pieces().size() > kMaxChainPieces) break;
    DescribeChain(chain, described_chains_ == 0 ? kNetHeaderSize : 0);
    described_room_ += chain.writable.size();
    ++described_chains_;
  }
  pieces_.push_back({.iov_base = spill_.get(), .iov_len = kMaxFrameSize});
}

void NetReceiver::DescribeChain(Chain& chain, size_t skip) {
  for (const iovec& piece : chain.writable.pieces()) {
    const size_t skipped = std::min(skip, piece.iov_len);
    skip -= skipped;
    if (piece.iov_len == skipped) continue;
    pieces_.push_back({.iov_base = static_cast<std::byte*>(piece.iov_base) + skipped,
                       .iov_len = piece.iov_len - skipped});
  }
}

NetReceiver::Turn NetReceiver::Deliver() {
  if (!Gather(waiting_)) return Turn::kBroken;
  if (room_ < waiting_) {
    if (count_ < held_.size()) return Exhausted();
    Drop(shared_.counters.receive_too_long);  // the whole queue does not hold it
    return Turn::kBudget;
  }
  if (waiting_ > described_room_) CopySpill();
  header_.num_buffers = CountChains();
  uint64_t left = waiting_;
  for (uint16_t used = 0; used < header_.num_buffers; ++used) {
    Chain& chain = Held(0);
    const uint64_t size = chain.writable.size();
    if (used == 0) chain.writable.PutFront(std::as_bytes(std::span(&header_, 1)));
    const uint64_t written = std::min(left, size);
    queue_.Push(chain.head, static_cast<uint32_t>(written));
    left -= written;
    room_ -= size;
    ++first_;
    --count_;
  }
  ++shared_.counters.received;
  shared_.counters.received_bytes += waiting_ - kNetHeaderSize;
  waiting_ = 0;
  return Turn::kBudget;
}

// 5.1.6.4.1: it is 1 without mergeable buffers, too.
uint16_t NetReceiver::CountChains() {
  uint16_t chains = 0;
  for (uint64_t left = waiting_; left != 0; ++chains) {
    left -= std::min(left, Held(chains).writable.size());
  }
  return chains;
}

void NetReceiver::CopySpill() {
  std::span<const std::byte> rest(spill_.get(), waiting_ - described_room_);
  for (size_t i = described_chains_; !rest.empty(); ++i) {
    for (const iovec& piece : Held(i).writable.pieces()) {
      const size_t part = std::min(rest.size(), piece.iov_len);
      std::memcpy(piece.iov_base, rest.data(), part);
      rest = rest.subspan(part);
    }
  }
}

}  // namespace mayfly::virtio
