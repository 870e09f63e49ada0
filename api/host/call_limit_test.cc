#include "api/host/call_limit.h"

#include <kj/async.h>

#include <utility>
#include <vector>

#include "api/codec/rpc_status.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

class CallLimitTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~CallLimitTest() noexcept override = default;

  // One that is answered when `answers_` says so.
  kj::Promise<void> Call(CallLimit& limit) {
    return limit
        .Count([this] {
          auto pair = kj::newPromiseAndFulfiller<void>();
          answers_.push_back(kj::mv(pair.fulfiller));
          return CallLimit::Result{kj::mv(pair.promise), /*isStreaming=*/false};
        })
        .promise;
  }
  absl::Status Outcome(kj::Promise<void> call) {
    return call
        .then([] { return absl::OkStatus(); },
              [](kj::Exception&& exception) { return FromException(exception); })
        .wait(wait_scope_);
  }

  kj::EventLoop loop_;
  kj::WaitScope wait_scope_{loop_};
  std::vector<kj::Own<kj::PromiseFulfiller<void>>> answers_;
};

TEST_F(CallLimitTest, SoManyAreInProgressAndNoMore) {
  CallLimit limit(2);
  auto first = Call(limit);
  auto second = Call(limit);
  EXPECT_TRUE(absl::IsResourceExhausted(Outcome(Call(limit))));
  EXPECT_EQ(answers_.size(), 2U) << "it was begun";
  answers_.front()->fulfill();
  EXPECT_EQ(Outcome(kj::mv(first)), absl::OkStatus());
  auto third = Call(limit);
  EXPECT_EQ(answers_.size(), 3U);
  EXPECT_TRUE(absl::IsResourceExhausted(Outcome(Call(limit))));
}

TEST_F(CallLimitTest, OneThatItsClientGivesUpOrThatFailsMakesRoom) {
  CallLimit limit(1);
  { const auto given_up = Call(limit); }
  auto fails = Call(limit);
  answers_.back()->reject(ToException(absl::InternalError("no")));
  EXPECT_FALSE(Outcome(kj::mv(fails)).ok());
  const auto next = Call(limit);
  EXPECT_EQ(answers_.size(), 3U);
}

TEST_F(CallLimitTest, OneThatThrowsAtOnceMakesRoom) {
  CallLimit limit(1);
  EXPECT_ANY_THROW((void)limit.Count([]() -> CallLimit::Result {
    kj::throwFatalException(ToException(absl::InternalError("no")));
  }));
  const auto next = Call(limit);
  EXPECT_EQ(answers_.size(), 1U);
}

}  // namespace
}  // namespace mayfly::api
