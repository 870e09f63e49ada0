#include "api/cli/host/limit_change.h"

#include <capnp/message.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

using ::testing::HasSubstr;

class LimitChangeTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~LimitChangeTest() noexcept override = default;

  rpc::Machine::UpdateNetParams::Reader Encoded(std::string_view text) {
    const absl::StatusOr<Change> change = ParseChange(UpdateOption::kNet, text);
    EXPECT_TRUE(change.ok()) << change.status();
    auto params = message_.initRoot<rpc::Machine::UpdateNetParams>();
    if (change.ok()) EncodeNetChange(*change, params);
    return params;
  }
  capnp::MallocMessageBuilder message_;
};

TEST_F(LimitChangeTest, ADirectionThatIsNotMentionedIsNotSent) {
  auto params = Encoded("3,tx-bps=1M:2M,tx-pps=7");
  EXPECT_EQ(params.getNet(), 3U);
  EXPECT_EQ(params.getTransmit().getBytes().getPerSecond(), 1048576U);
  EXPECT_EQ(params.getTransmit().getBytes().getBurst(), 2097152U);
  EXPECT_EQ(params.getTransmit().getOperations().getPerSecond(), 7U);
  EXPECT_FALSE(params.hasReceive());
  params = Encoded("0,rx-pps=5");
  EXPECT_FALSE(params.hasTransmit());
  EXPECT_EQ(params.getReceive().getOperations().getPerSecond(), 5U);
}

TEST_F(LimitChangeTest, BothAreSentWhereBothAreMentionedOrNone) {
  auto params = Encoded("0,rx-pps=5,tx-pps=6");
  EXPECT_EQ(params.getReceive().getOperations().getPerSecond(), 5U);
  EXPECT_EQ(params.getTransmit().getOperations().getPerSecond(), 6U);
  params = Encoded("0");
  EXPECT_TRUE(params.hasTransmit());
  EXPECT_TRUE(params.hasReceive());
  EXPECT_EQ(params.getReceive().getOperations().getPerSecond(), 0U);
}

TEST_F(LimitChangeTest, OtherWordsAreErrors) {
  EXPECT_THAT(ParseChange(UpdateOption::kNet, "0,iops=1").status().ToString(),
              HasSubstr("\"iops=1\" is none of tx-pps="));
  EXPECT_THAT(ParseChange(UpdateOption::kDisk, "0,tx-pps=1").status().ToString(),
              HasSubstr("is none of iops="));
  EXPECT_FALSE(ParseChange(UpdateOption::kNet, "x").ok());
  EXPECT_FALSE(ParseChange(UpdateOption::kResize, "0,iops=1").ok());
}

}  // namespace
}  // namespace mayfly::cli
