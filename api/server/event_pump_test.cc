#include "api/server/event_pump.h"

#include <kj/async-io.h>

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using ::testing::ElementsAre;

// A client's end, which takes nothing but what the test lets it take.
class Listener final : public rpc::EventListener::Server {
 public:
  struct Record {
    std::vector<std::string> events;
    std::vector<kj::Own<kj::PromiseFulfiller<void>>> taking;
  };

  explicit Listener(Record& record) : record_(record) {}

 protected:
  kj::Promise<void> event(EventContext context) override {
    record_.events.emplace_back(context.getParams().getText().cStr());
    auto pair = kj::newPromiseAndFulfiller<void>();
    record_.taking.push_back(std::move(pair.fulfiller));
    return std::move(pair.promise);
  }

 private:
  Record& record_;
};

class EventPumpTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~EventPumpTest() noexcept override = default;

  void SetUp() override {
    auto wake = EventFd::Create();
    ASSERT_TRUE(wake.ok()) << wake.status();
    inlet_ = std::make_shared<EventPump::Inlet>(std::make_shared<EventFd>(*std::move(wake)));
  }
  void Settle() { io_.waitScope.poll(); }
  // Something happens, and is told as far as it can be.
  void Tell(EventPump& pump, const std::string& event) {
    inlet_->Report(event);
    pump.Pump();
    Settle();
  }
  static void Fail(Listener::Record& record) {
    for (auto& taking : record.taking) {
      taking->reject(kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__,
                                   kj::heapString("gone")));
    }
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  std::shared_ptr<EventPump::Inlet> inlet_;
};

TEST_F(EventPumpTest, WhatCameBeforeTheListenerComesFirst) {
  EventPump pump(inlet_);
  inlet_->Report("early");
  pump.Pump();
  Listener::Record record;
  pump.Attach(kj::heap<Listener>(record));
  Tell(pump, "late");
  EXPECT_THAT(record.events, ElementsAre("early")) << "it has not taken that yet";
  record.taking.at(0)->fulfill();
  Settle();
  EXPECT_THAT(record.events, ElementsAre("early", "late"));
}

TEST_F(EventPumpTest, ALaterListenerTakesOver) {
  EventPump pump(inlet_);
  Listener::Record first;
  Listener::Record second;
  pump.Attach(kj::heap<Listener>(first));
  Tell(pump, "a");
  pump.Attach(kj::heap<Listener>(second));
  Tell(pump, "b");
  EXPECT_THAT(first.events, ElementsAre("a"));
  EXPECT_THAT(second.events, ElementsAre("b"));
}

TEST_F(EventPumpTest, AListenerThatFailsAfterItWasReplacedTakesNobodyWithIt) {
  EventPump pump(inlet_);
  Listener::Record first;
  Listener::Record second;
  pump.Attach(kj::heap<Listener>(first));
  Tell(pump, "a");
  pump.Attach(kj::heap<Listener>(second));
  Fail(first);
  Settle();
  Tell(pump, "b");
  EXPECT_THAT(second.events, ElementsAre("b"));
}

TEST_F(EventPumpTest, WhatAListenerThatFailedDidNotGetWaitsForTheNext) {
  EventPump pump(inlet_);
  Listener::Record first;
  Listener::Record second;
  pump.Attach(kj::heap<Listener>(first));
  Tell(pump, "a");
  Fail(first);
  Settle();
  Tell(pump, "b");
  EXPECT_THAT(first.events, ElementsAre("a"));
  pump.Attach(kj::heap<Listener>(second));
  Settle();
  EXPECT_THAT(second.events, ElementsAre("b"));
}

}  // namespace
}  // namespace mayfly::api
