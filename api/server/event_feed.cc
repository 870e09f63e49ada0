#include "api/server/event_feed.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/codec/exit_status_codec.h"
#include "api/codec/text.h"
#include "base/status.h"

namespace mayfly::api {

// One listener, and what is under way to it, which goes with it.
class EventFeed::Subscription final : private kj::TaskSet::ErrorHandler {
 public:
  Subscription(const EventFeed& feed, rpc::EventListener::Client listener, ListenerShares shares,
               uint64_t since, Filter filter)
      : feed_(feed),
        listener_(kj::mv(listener)),
        shares_(std::move(shares)),
        filter_(std::move(filter)),
        told_(std::min(since, feed.count_)),
        sending_(*this) {
    for (const auto& share : shares_) share->Take();
  }
  KJ_DISALLOW_COPY(Subscription);
  ~Subscription() {
    for (const auto& share : shares_) share->GiveBack();
  }

  // Sends what there is, as far as the listener keeps up.
  void Serve() {
    while (!is_gone() && under_way_ < kMostUnderWay && told_ < feed_.count_) SendNext();
  }
  // Has a listener that went away while there was nothing to tell it fail. Nothing else says that
  // a connection is gone.
  void AskWhetherItIsThere() {
    if (under_way_ != 0 || asking_) return;  // it will be seen by that
    asking_ = true;
    // A method that no listener has: one that is there says so.
    sending_.add(listener_.typelessRequest(capnp::typeId<rpc::EventListener>(), kNoMethod, nullptr)
                     .send()
                     .ignoreResult()
                     .catch_([this](kj::Exception&& exception) {
                       asking_ = false;
                       if (exception.getType() == kj::Exception::Type::DISCONNECTED)
                         is_gone_ = true;
                     }));
  }
  // Whether it has failed, or is known to be away: nobody is to be told, and the VM goes on.
  [[nodiscard]] bool is_gone() const {
    return is_gone_ ||
           std::ranges::any_of(shares_, [](const auto& share) { return share->is_closed(); });
  }
  [[nodiscard]] bool IsIn(const ListenerShare& share) const {
    return std::ranges::any_of(shares_, [&](const auto& one) { return one.get() == &share; });
  }

 private:
  // Events that the listener has not answered yet. Not left to the flow control of Cap'n Proto's
  // streams, which counts bytes: each message takes some KiB here, however little is in it.
  static constexpr unsigned kMostUnderWay = 64;
  static constexpr uint16_t kEvent = 0;  // the method's number in the schema
  static constexpr uint16_t kNoMethod = 0xffff;

  void SendNext() {
    const uint64_t oldest = feed_.oldest();
    if (told_ + 1 < oldest) {
      const uint64_t lost = oldest - 1 - told_;
      // How many of them a filter would have taken is not known any more.
      Send(oldest - 1, {.time = MonotonicNow(),
                        .kind = rpc::EventKind::LOST,
                        .text = absl::StrCat(filter_ ? "up to " : "", lost,
                                             " events were not told: they are kept no more")});
      return;
    }
    const Event& next = feed_.kept_[told_ + 1 - oldest];
    if (!filter_ || filter_(next)) {
      Send(told_ + 1, next);
    } else {
      ++told_;
    }
  }

  void Send(uint64_t sequence, const Event& event) {
    // As an ordinary call, whose answer can be waited for.
    auto request = listener_.typelessRequest(capnp::typeId<rpc::EventListener>(), kEvent, nullptr);
    auto builder = request.initAs<rpc::EventListener::EventParams>().initEvent();
    builder.setSequence(sequence);
    builder.setNanoseconds(static_cast<uint64_t>(event.time.count()));
    builder.setKind(event.kind);
    builder.setText(ToText(event.text));
    builder.setMachine(event.machine);
    builder.setName(ToText(event.name));
    if (event.exit) EncodeExitStatus(*event.exit, builder.initExit());
    told_ = sequence;
    ++under_way_;
    sending_.add(request.send().ignoreResult().then([this] {
      --under_way_;
      Serve();
    }));
  }

  void taskFailed(kj::Exception&& /*exception*/) override { is_gone_ = true; }

  const EventFeed& feed_;
  rpc::EventListener::Client listener_;
  const ListenerShares shares_;
  const Filter filter_;
  uint64_t told_;  // the number of the last that was sent
  unsigned under_way_ = 0;
  bool is_gone_ = false;
  bool asking_ = false;
  kj::TaskSet sending_;  // the last member, so that it goes first
};

EventFeed::EventFeed(size_t kept) : most_kept_(kept) {}
EventFeed::~EventFeed() = default;

void EventFeed::Add(Event event) {
  DropThoseGone();
  kept_.push_back(std::move(event));
  if (kept_.size() > most_kept_) kept_.pop_front();
  ++count_;
  for (const auto& subscription : subscriptions_) subscription->Serve();
}

absl::Status EventFeed::Attach(rpc::EventListener::Client listener, ListenerShares shares,
                               uint64_t since, Filter filter) {
  DropThoseGone();
  for (const auto& share : shares) {
    if (share->IsTimeToLook()) AskWhoIsThere(*share);
  }
  for (const auto& share : shares) MAYFLY_RETURN_IF_ERROR(share->Check());
  subscriptions_.push_back(std::make_unique<Subscription>(
      *this, kj::mv(listener), std::move(shares), since, std::move(filter)));
  subscriptions_.back()->Serve();
  return absl::OkStatus();
}

void EventFeed::AskWhoIsThere(const ListenerShare& share) {
  for (const auto& subscription : subscriptions_) {
    if (subscription->IsIn(share)) subscription->AskWhetherItIsThere();
  }
}

void EventFeed::DropThoseGone() {
  std::erase_if(subscriptions_, [](const auto& subscription) { return subscription->is_gone(); });
}

}  // namespace mayfly::api
