#include "virtio/net/net.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "virtio/net/net_command.h"
#include "virtio/net/net_features.h"

namespace mayfly::virtio {
namespace {

// Packets of a queue in one turn: a ring full. Of the smallest that is some 0.4 ms; of the largest,
// at the speed of memory, 4 ms. Telling the driver of each part of it costs more interrupts and
// halts than the work side by side gains, and so do turns that end sooner (ci/bench net).
constexpr uint16_t kTurn = Net::kQueueSize;

// A packet's header, its pieces of a chain, and what a backend adds go into one system call.
static_assert(Net::kQueueSize + 2 < IOV_MAX);

// Where the control queue is for a driver that did not negotiate multiqueue (5.1.2).
constexpr uint16_t kControlQueueOfOnePair = 2;

uint64_t OfferedFeatures(const NetBackend& backend, uint16_t mtu) {
  const uint64_t offloads = backend.offload_features() & (kNetHostOffloads | kNetGuestOffloads);
  uint64_t features = kNetFeatureMac | kNetFeatureStatus | kNetFeatureMergeableBuffers |
                      kNetFeatureControlQueue | offloads;
  if (mtu != 0) features |= kNetFeatureMtu;
  if (backend.max_queue_pairs() > 1) features |= kNetFeatureMultiqueue;
  if ((offloads & kNetGuestOffloads) != 0) features |= kNetFeatureControlGuestOffloads;
  return WithoutUnmetNetFeatures(features);
}

absl::Status CheckOptions(const NetBackend& backend, const Net::Options& options) {
  const MacAddress& mac = options.filter.mac;
  if (!mac.IsStation()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a network card cannot have the MAC address ", mac.ToString(),
                     ": take one that is neither multicast nor zero"));
  }
  if (options.mtu != 0 && options.mtu < kNetMinMtu) {
    return absl::InvalidArgumentError(
        absl::StrCat("an MTU of ", options.mtu, " is too small: take at least ", kNetMinMtu));
  }
  const uint16_t pairs = backend.max_queue_pairs();
  if (pairs == 0 || pairs > Net::kMaxPairs) {
    return absl::InvalidArgumentError(absl::StrCat("a network card cannot have ", pairs,
                                                   " queue pairs: give it 1 to ", Net::kMaxPairs));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Net>> Net::Create(std::unique_ptr<NetBackend> backend,
                                                 Options options, EventLoop& io) {
  MAYFLY_RETURN_IF_ERROR(CheckOptions(*backend, options));
  const RateLimits transmit = options.transmit;
  const RateLimits receive = options.receive;
  auto net = std::make_unique<Net>(Passkey(), std::move(backend), std::move(options));
  Net* const raw = net.get();
  MAYFLY_ASSIGN_OR_RETURN(net->send_gate_,
                          RateGate::Create(transmit, io, [raw] { raw->OnSendGate(); }));
  MAYFLY_ASSIGN_OR_RETURN(net->receive_gate_,
                          RateGate::Create(receive, io, [raw] { raw->OnReceiveGate(); }));
  return net;
}

Net::Net(Passkey, std::unique_ptr<NetBackend> backend, Options options)
    : backend_(std::move(backend)),
      mtu_(options.mtu),
      offered_features_(OfferedFeatures(*backend_, mtu_)),
      // The pairs and the control queue (5.1.2).
      queue_sizes_(size_t{2} * backend_->max_queue_pairs() + 1, kQueueSize),
      filter_(std::move(options.filter)) {}

void Net::ReadConfig(uint64_t offset, std::span<std::byte> out) {
  const NetConfig config = {.mac = filter_.config().mac.bytes,
                            .status = link_status_.load(std::memory_order_acquire),
                            .max_queue_pairs = backend_->max_queue_pairs(),
                            .mtu = mtu_};
  const auto space = std::as_bytes(std::span(&config, 1));
  if (offset >= space.size()) return;
  const auto rest = space.subspan(offset);
  std::ranges::copy(rest.first(std::min(rest.size(), out.size())), out.begin());
}

void Net::WriteConfig(uint64_t /*offset*/, std::span<const std::byte> /*data*/) {
  // Nothing in it is for the driver to write; the address was, before VERSION_1 (5.1.4.2).
}

bool Net::Accepts(uint64_t features) const { return WithoutUnmetNetFeatures(features) == features; }

void Net::Activate(uint64_t features, std::span<Queue> queues, DeviceHost& host) {
  queues_ = queues;
  host_ = &host;
  features_ = features;
  check_.emplace(features_, mtu_);
  receive_shared_.emplace(NetReceiver::Shared{*backend_, *check_, *receive_gate_, counters_});
  send_shared_.emplace(NetSender::Shared{
      *backend_, *check_, filter_, *send_gate_, counters_,
      [this](std::string what) { host_->Report(DeviceEvent::kTrouble, std::move(what)); }});
  used_pairs_ = 1;
  AddPairs(used_pairs_);
  const absl::Status started = backend_->Start(features_, *this);
  running_ = started.ok();
  SetLink(running_ ? kNetLinkUp : 0);
  if (!running_)
    host_->Report(DeviceEvent::kLink,
                  absl::StrCat("its backend did not start: ", started.message()));
}

void Net::AddPairs(uint16_t count) {
  while (pairs_.size() < count) {
    const auto pair = static_cast<uint16_t>(pairs_.size());
    Queue& receive = queues_[NetReceiveQueue(pair)];
    // It is looked at when packets come; only when it was found empty, new buffers are news.
    receive.DisableNotifications();
    pairs_.emplace_back(pair, receive, queues_[NetSendQueue(pair)], *this);
  }
}

bool Net::IsControlQueue(uint16_t queue) const {
  if ((features_ & kNetFeatureControlQueue) == 0) return false;
  return queue == ((features_ & kNetFeatureMultiqueue) != 0 ? queue_sizes_.size() - 1
                                                            : kControlQueueOfOnePair);
}

void Net::OnKick(uint16_t queue) {
  if (IsControlQueue(queue)) return ServeCommands(queue);
  const auto pair = static_cast<uint16_t>(queue / 2);
  if (!running_ || pair >= used_pairs_) return;
  if (queue == NetSendQueue(pair)) {
    if (pairs_[pair].sending == State::kReady) Send(pair);
  } else if (pairs_[pair].receiving == State::kExhausted) {
    Receive(pair);
  }
}

void Net::OnReadable(uint16_t pair) {
  if (!running_) return;
  if (pair < used_pairs_ && pairs_[pair].receiving == State::kReady) return Receive(pair);
  // Left alone, it would come again at once.
  backend_->PauseReceiving(pair);
}

void Net::OnWritable(uint16_t pair) {
  if (running_ && pair < used_pairs_ && pairs_[pair].sending == State::kBlocked) Send(pair);
}

void Net::Receive(uint16_t pair) {
  NetReceiver& receiver = pairs_[pair].receiver;
  Queue& queue = queues_[NetReceiveQueue(pair)];
  uint16_t budget = kTurn;
  while (true) {
    queue.DisableNotifications();
    const NetReceiver::Turn turn = receiver.Run(budget);
    Publish(queue);
    switch (turn) {
      case NetReceiver::Turn::kNoBuffers:
        if (!queue.EnableNotifications()) continue;  // some came meanwhile
        return PauseReceiving(pair, State::kExhausted);
      case NetReceiver::Turn::kThrottled:
        return PauseReceiving(pair, State::kThrottled);
      case NetReceiver::Turn::kDrained:
      case NetReceiver::Turn::kBudget:
        return ResumeReceiving(pair);
      case NetReceiver::Turn::kBroken:
        return Fail(receiver.failure());
      case NetReceiver::Turn::kLinkLost:
        return LoseLink(std::strerror(receiver.link_error()));
    }
  }
}

// Where packets are left, OnReadable() comes again.
void Net::ResumeReceiving(uint16_t pair) {
  pairs_[pair].receiving = State::kReady;
  const absl::Status resumed = backend_->ResumeReceiving(pair);
  if (!resumed.ok()) LoseLink(resumed.message());
}

void Net::PauseReceiving(uint16_t pair, State state) {
  pairs_[pair].receiving = state;
  backend_->PauseReceiving(pair);
}

void Net::Send(uint16_t pair) {
  NetSender& sender = pairs_[pair].sender;
  Queue& queue = queues_[NetSendQueue(pair)];
  uint16_t budget = kTurn;
  pairs_[pair].sending = State::kReady;
  do {
    queue.DisableNotifications();
    const NetSender::Turn turn = sender.Run(budget);
    Publish(queue);
    switch (turn) {
      case NetSender::Turn::kEmpty:
        break;
      case NetSender::Turn::kBudget:
        return host_->KickAgain(NetSendQueue(pair));
      case NetSender::Turn::kThrottled:
        pairs_[pair].sending = State::kThrottled;
        return;
      case NetSender::Turn::kBlocked:
        pairs_[pair].sending = State::kBlocked;
        return;
      case NetSender::Turn::kBroken:
        return Fail(sender.failure());
    }
  } while (!queue.EnableNotifications());
}

void Net::OnSendGate() {
  const uint16_t first = first_to_send_++;
  for (uint16_t i = 0; running_ && i < used_pairs_; ++i) {
    const auto pair = static_cast<uint16_t>((first + i) % used_pairs_);
    if (pairs_[pair].sending == State::kThrottled) Send(pair);
  }
}

void Net::OnReceiveGate() {
  const uint16_t first = first_to_receive_++;
  for (uint16_t i = 0; running_ && i < used_pairs_; ++i) {
    const auto pair = static_cast<uint16_t>((first + i) % used_pairs_);
    if (pairs_[pair].receiving == State::kThrottled) Receive(pair);
  }
}

// One in a turn, as a driver has one at a time: each can cost the host system calls that lock its
// network devices.
void Net::ServeCommands(uint16_t queue) {
  Queue& ring = queues_[queue];
  ring.DisableNotifications();
  const absl::StatusOr<bool> popped = ring.Pop(command_);
  if (!popped.ok()) {
    return Fail(absl::StrCat("queue ", queue, ": ", popped.status().message()));
  }
  if (*popped) {
    if (command_.writable.size() == 0) {
      return Fail("a command in the control queue has no room for its answer");
    }
    const NetControlAck ack = Execute(command_.readable);
    ring.Push(command_.head,
              static_cast<uint32_t>(command_.writable.PutFront(std::as_bytes(std::span(&ack, 1)))));
    Publish(ring);
  }
  if (!ring.EnableNotifications()) host_->KickAgain(queue);
}

NetControlAck Net::Execute(Buffers& command) {
  const std::optional<NetCommand> parsed =
      ParseNetCommand(command, features_, backend_->max_queue_pairs());
  if (!parsed || !running_) return NetControlAck::kError;
  const auto* const pairs = std::get_if<NetSetQueuePairs>(&*parsed);
  const absl::Status done = pairs != nullptr
                                ? UsePairs(pairs->pairs)
                                : UseOffloads(std::get<NetSetGuestOffloads>(*parsed).offloads);
  if (done.ok()) return NetControlAck::kOk;
  host_->Report(DeviceEvent::kTrouble,
                absl::StrCat("a command of the guest failed: ", done.message()));
  return NetControlAck::kError;
}

absl::Status Net::UsePairs(uint16_t pairs) {
  for (size_t queue = 0; queue < size_t{2} * pairs; ++queue) {
    if (!queues_[queue].active()) {
      return absl::FailedPreconditionError(
          absl::StrCat("it wants ", pairs, " queue pairs and has not set up queue ", queue));
    }
  }
  if (absl::Status set = backend_->SetQueuePairs(pairs); !set.ok()) {
    // Part of it may be done. Where this fails too, what nobody uses is at least not watched.
    backend_->SetQueuePairs(used_pairs_).IgnoreError();
    return set;
  }
  const uint16_t before = std::exchange(used_pairs_, pairs);
  AddPairs(pairs);
  // 5.1.6.5.5.2: nothing more is put in the queues of the others.
  for (size_t pair = pairs; pair < pairs_.size(); ++pair) pairs_[pair].receiver.DropWaiting();
  for (uint16_t pair = before; pair < pairs; ++pair) {
    pairs_[pair].receiving = State::kReady;
    pairs_[pair].sending = State::kReady;
    host_->KickAgain(NetSendQueue(pair));  // kicks were not heard
  }
  return absl::OkStatus();
}

absl::Status Net::UseOffloads(uint64_t offloads) {
  offloads = WithoutUnmetNetFeatures(offloads);
  if (offloads == check_->guest_offloads()) return absl::OkStatus();
  MAYFLY_RETURN_IF_ERROR(backend_->SetGuestOffloads(offloads));
  check_->SetGuestOffloads(offloads);
  return absl::OkStatus();
}

void Net::UpdateLimits(const std::optional<RateLimits>& transmit,
                       const std::optional<RateLimits>& receive) {
  if (transmit) send_gate_->Update(*transmit);
  if (receive) receive_gate_->Update(*receive);
}

void Net::Publish(Queue& queue) {
  if (queue.Publish()) host_->InterruptForQueue();
}

void Net::Fail(std::string what) {
  StopBackend();
  host_->Fail(std::move(what));
}

void Net::LoseLink(absl::string_view why) {
  StopBackend();
  SetLink(0);
  host_->Report(DeviceEvent::kLink, absl::StrCat("its link is lost: ", why));
}

void Net::SetLink(uint16_t status) {
  if (link_status_.exchange(status, std::memory_order_acq_rel) != status) host_->ConfigChanged();
}

void Net::StopBackend() {
  if (!std::exchange(running_, false)) return;
  backend_->Stop();
  send_gate_->Forget();
  receive_gate_->Forget();
}

void Net::Reset() {
  StopBackend();
  pairs_.clear();
  send_shared_.reset();
  receive_shared_.reset();
  check_.reset();
  queues_ = {};
  host_ = nullptr;
}

void Net::Shutdown() { backend_->Close(); }

}  // namespace mayfly::virtio
