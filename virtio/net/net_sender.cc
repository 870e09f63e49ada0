#include "virtio/net/net_sender.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::virtio {

NetSender::Turn NetSender::Run(uint16_t& budget) {
  while (true) {
    if (!waiting_) {
      if (budget == 0) return Turn::kBudget;
      if (const Turn turn = TakePacket(budget); turn != Turn::kBudget) return turn;
      continue;  // where it was dropped, none waits
    }
    if (!paid_ && !shared_.gate.Admit(frame_bytes_)) {
      ++shared_.counters.send_throttled;
      return Turn::kThrottled;
    }
    paid_ = true;
    if (!Send()) return Turn::kBlocked;
  }
}

NetSender::Turn NetSender::TakePacket(uint16_t& budget) {
  const absl::StatusOr<bool> popped = queue_.Pop(chain_);
  if (!popped.ok()) {
    failure_ = absl::StrCat("queue ", NetSendQueue(pair_), ": ", popped.status().message());
    return Turn::kBroken;
  }
  if (!*popped) return Turn::kEmpty;
  waiting_ = true;
  paid_ = false;
  const bool good = Examine();
  --budget;
  if (!good) Finish();
  return Turn::kBudget;
}

bool NetSender::Examine() {
  using Fault = NetHeaderCheck::Fault;
  Buffers& packet = chain_.readable;
  Fault fault = Fault::kTooShort;
  frame_bytes_ = 0;
  if (packet.TakeFront(std::as_writable_bytes(std::span(&head_.header, 1)))) {
    frame_bytes_ = packet.size();
    head_bytes_ = std::min<uint64_t>(frame_bytes_, head_.frame.size());
    const auto head = std::span(head_.frame).first(head_bytes_);
    // Cannot fail: the bytes are there.
    if (packet.TakeFront(head))
      fault = shared_.check.CheckOutgoing(head_.header, head, frame_bytes_);
  }
  if (fault != Fault::kNone) {
    Report(++shared_.counters.send_faults[static_cast<size_t>(fault)],
           NetHeaderCheck::Describe(fault));
    return false;
  }
  const NetFilter::Verdict verdict =
      shared_.filter.CheckOutgoing(std::span(head_.frame).first(head_bytes_), frame_bytes_);
  if (verdict == NetFilter::Verdict::kPass) return true;
  Report(shared_.filter.dropped(verdict), NetFilter::Describe(verdict));
  return false;
}

bool NetSender::Send() {
  const std::span<const iovec> rest = chain_.readable.pieces();
  pieces_.clear();
  pieces_.push_back({.iov_base = &head_, .iov_len = kNetHeaderSize + head_bytes_});
  pieces_.insert(pieces_.end(), rest.begin(), rest.end());
  const NetBackend::Result result = shared_.backend.Send(pair_, pieces_);
  if (result.error == EAGAIN) return false;
  if (result.error == 0) {
    ++shared_.counters.sent;
    shared_.counters.sent_bytes += frame_bytes_;
  } else {
    CountError(result.error);
  }
  Finish();
  return true;
}

void NetSender::CountError(int error) {
  // What a tap says whose interface is down.
  const absl::string_view remedy = error == EIO ? "; bring its interface up" : "";
  Report(++shared_.counters.send_errors,
         absl::StrCat("the host refused it: ", std::strerror(error), remedy));
}

// The first of each kind only: a guest can send millions.
void NetSender::Report(uint64_t count, std::string_view reason) {
  if (count != 1) return;
  shared_.report(absl::StrCat("a packet of the guest was dropped: ", ToAbsl(reason),
                              " (more such are counted, not told)"));
}

void NetSender::Finish() {
  queue_.Push(chain_.head, 0);
  waiting_ = false;
}

}  // namespace mayfly::virtio
