#include "api/server/event_feed.h"

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr size_t kMostListeners = 16;

// A client's end, which takes nothing but what the test lets it take.
class Listener final : public rpc::EventListener::Server {
 public:
  struct Record {
    std::vector<std::string> events;
    std::vector<uint64_t> numbers;
    std::vector<rpc::EventKind> kinds;
    std::vector<kj::Own<kj::PromiseFulfiller<void>>> taking;
  };

  explicit Listener(Record& record) : record_(record) {}

 protected:
  kj::Promise<void> event(EventContext context) override {
    const auto event = context.getParams().getEvent();
    record_.events.emplace_back(event.getText().cStr());
    record_.numbers.push_back(event.getSequence());
    record_.kinds.push_back(event.getKind());
    auto pair = kj::newPromiseAndFulfiller<void>();
    record_.taking.push_back(std::move(pair.fulfiller));
    return std::move(pair.promise);
  }

 private:
  Record& record_;
};

class EventFeedTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~EventFeedTest() noexcept override = default;

  void Settle() { io_.waitScope.poll(); }
  // Something happens, and is told as far as it can be.
  void Tell(const std::string& text) {
    feed_.Add({.kind = rpc::EventKind::LINK, .text = text});
    Settle();
  }
  void Attach(Listener::Record& record, uint64_t since = 0) {
    EXPECT_EQ(feed_.Attach(kj::heap<Listener>(record), {places_}, since), absl::OkStatus());
    Settle();
  }
  absl::Status TryToAttach(Listener::Record& record, ListenerShares shares) {
    const absl::Status attached = feed_.Attach(kj::heap<Listener>(record), std::move(shares));
    Settle();
    return attached;
  }
  // The listener takes all that comes.
  void TakeAll(Listener::Record& record) {
    for (size_t taken = 0; taken < record.taking.size(); ++taken) {
      record.taking[taken]->fulfill();
      Settle();
    }
  }
  void Fail(Listener::Record& record) {
    for (auto& taking : record.taking) {
      taking->reject(kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__,
                                   kj::heapString("gone")));
    }
    Settle();
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  const std::shared_ptr<ListenerShare> places_ =
      std::make_shared<ListenerShare>("this VM", kMostListeners);
  EventFeed feed_;
};

TEST_F(EventFeedTest, WhatCameBeforeTheListenerComesFirst) {
  Tell("early");
  Listener::Record record;
  Attach(record);
  Tell("late");
  EXPECT_THAT(record.events, ElementsAre("early")) << "it has not taken that yet";
  TakeAll(record);
  EXPECT_THAT(record.events, ElementsAre("early", "late"));
  EXPECT_THAT(record.numbers, ElementsAre(1, 2));
  EXPECT_THAT(record.kinds, ElementsAre(rpc::EventKind::LINK, rpc::EventKind::LINK));
  EXPECT_EQ(feed_.count(), 2U);
}

TEST_F(EventFeedTest, EachListenerIsToldFromWhereItWants) {
  Listener::Record first;
  Listener::Record second;
  Attach(first);
  Tell("a");
  Tell("b");
  Attach(second, 1);
  Tell("c");
  TakeAll(first);
  TakeAll(second);
  EXPECT_THAT(first.events, ElementsAre("a", "b", "c"));
  EXPECT_THAT(second.events, ElementsAre("b", "c"));
}

TEST_F(EventFeedTest, ASlowListenerHoldsUpNobodyAndLearnsWhatItMissed) {
  Listener::Record slow;
  Listener::Record quick;
  Attach(slow);
  Attach(quick);
  const size_t events = EventFeed::kKept + 100;
  for (size_t event = 0; event < events; ++event) {
    Tell("something");
    TakeAll(quick);
  }
  EXPECT_THAT(quick.events, SizeIs(events));
  EXPECT_THAT(slow.events, SizeIs(1));
  TakeAll(slow);
  EXPECT_EQ(slow.numbers.back(), events);
  size_t told = 0;
  uint64_t last = 0;
  for (size_t position = 0; position < slow.numbers.size(); ++position) {
    EXPECT_GT(slow.numbers[position], last);
    last = slow.numbers[position];
    if (slow.kinds[position] != rpc::EventKind::LOST) {
      ++told;
      continue;
    }
    EXPECT_THAT(slow.events[position], HasSubstr(" events were not told"));
    told += std::stoul(slow.events[position]);
  }
  EXPECT_LT(slow.events.size(), events);
  EXPECT_EQ(told, events);
}

// A listener at the other end of a connection.
class RemoteListener final {
 public:
  RemoteListener(kj::AsyncIoContext& io, Listener::Record& record)
      : pipe_(io.provider->newTwoWayPipe()),
        server_(kj::heap<capnp::TwoPartyClient>(*pipe_.ends[0], kj::heap<Listener>(record),
                                                capnp::rpc::twoparty::Side::SERVER)),
        client_(*pipe_.ends[1]) {}

  [[nodiscard]] rpc::EventListener::Client client() {
    return client_.bootstrap().castAs<rpc::EventListener>();
  }
  void Disconnect() {
    server_ = nullptr;
    pipe_.ends[0] = nullptr;
  }

 private:
  kj::TwoWayPipe pipe_;
  kj::Own<capnp::TwoPartyClient> server_;
  capnp::TwoPartyClient client_;
};

TEST_F(EventFeedTest, ThoseWhoWentWhileNothingHappenedMakeRoom) {
  Listener::Record none;
  for (size_t turn = 0; turn < 2 * kMostListeners; ++turn) {
    RemoteListener remote(io_, none);
    EXPECT_EQ(feed_.Attach(remote.client(), {places_}), absl::OkStatus()) << turn;
    Settle();
    remote.Disconnect();
    Settle();
  }
}

TEST_F(EventFeedTest, ThoseWhoAllWentAtOnceMakeRoomForWhoTriesAgain) {
  Listener::Record none;
  std::vector<std::unique_ptr<RemoteListener>> remotes;
  for (size_t count = 0; count < kMostListeners; ++count) {
    remotes.push_back(std::make_unique<RemoteListener>(io_, none));
    EXPECT_EQ(feed_.Attach(remotes.back()->client(), {places_}), absl::OkStatus());
    Settle();
  }
  for (const auto& remote : remotes) remote->Disconnect();
  Settle();
  Listener::Record record;
  EXPECT_TRUE(absl::IsResourceExhausted(TryToAttach(record, {places_})));
  EXPECT_EQ(TryToAttach(record, {places_}), absl::OkStatus());
}

TEST_F(EventFeedTest, ThoseWhoAreThereStayHoweverOftenTheyAreAsked) {
  Listener::Record record;
  Listener::Record none;
  RemoteListener stays(io_, record);
  EXPECT_EQ(feed_.Attach(stays.client(), {places_}), absl::OkStatus());
  for (size_t turn = 0; turn < 2 * kMostListeners; ++turn) {
    RemoteListener goes(io_, none);
    EXPECT_EQ(feed_.Attach(goes.client(), {places_}), absl::OkStatus()) << turn;
    Settle();
  }
  Tell("something");
  EXPECT_THAT(record.events, ElementsAre("something"));
}

TEST_F(EventFeedTest, AFilterDoesNotSayHowManyEventsOthersHad) {
  for (size_t event = 0; event < EventFeed::kKept + 10; ++event) Tell("of others");
  Listener::Record record;
  EXPECT_EQ(feed_.Attach(kj::heap<Listener>(record), {}, 0, [](const Event&) { return false; }),
            absl::OkStatus());
  Settle();
  EXPECT_THAT(record.events, ElementsAre(HasSubstr("up to 10 events were not told")));
}

TEST_F(EventFeedTest, AListenerThatFailedIsToldNoMoreAndMakesRoom) {
  Listener::Record gone;
  Listener::Record others;
  Attach(gone);
  for (size_t more = 1; more < kMostListeners; ++more) Attach(others);
  Listener::Record beyond;
  const absl::Status full = TryToAttach(beyond, {places_});
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_THAT(full.ToString(), HasSubstr("listener: this VM has 16"));
  Tell("a");
  Fail(gone);
  Tell("b");
  EXPECT_THAT(gone.events, ElementsAre("a"));
  Attach(beyond);
  TakeAll(beyond);
  EXPECT_THAT(beyond.events, ElementsAre("a", "b"));
}

TEST_F(EventFeedTest, WhoseShareIsTakenLeavesTheOthersTheirs) {
  const auto greedy = std::make_shared<ListenerShare>("this user", 2);
  const auto modest = std::make_shared<ListenerShare>("this user", 2);
  Listener::Record record;
  EXPECT_EQ(TryToAttach(record, {greedy, places_}), absl::OkStatus());
  EXPECT_EQ(TryToAttach(record, {greedy, places_}), absl::OkStatus());
  for (size_t more = 0; more < kMostListeners; ++more) {
    const absl::Status full = TryToAttach(record, {greedy, places_});
    EXPECT_THAT(full.ToString(), HasSubstr("listener: this user has 2"));
  }
  // What was refused has taken nothing.
  EXPECT_EQ(TryToAttach(record, {modest, places_}), absl::OkStatus());
  greedy->Close();
  Listener::Record last;
  EXPECT_EQ(TryToAttach(last, {modest, places_}), absl::OkStatus());
  Tell("something");
  EXPECT_THAT(last.events, ElementsAre("something"));
  EXPECT_THAT(record.events, ElementsAre("something")) << "told to those whose share is closed";
}

}  // namespace
}  // namespace mayfly::api
