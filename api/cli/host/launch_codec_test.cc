#include "api/cli/host/launch_codec.h"

#include <capnp/message.h>

#include <string>

#include "api/cli/limit_option.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class LaunchCodecTest : public ::testing::Test {
 protected:
  LaunchCodecTest() : params_(message_.initRoot<rpc::Host::LaunchParams>()) {}
  // KJ's destructors may throw, GoogleTest's may not.
  ~LaunchCodecTest() noexcept override = default;

  absl::Status Encode() { return EncodeLaunch(options_, api::MachineSpec(), params_); }
  std::string ErrorOfEncoding() {
    const absl::Status status = Encode();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  }

  rpc::MachineSpec::Reader Spec() { return params_.asReader().getSpec(); }

  RunOptions options_;
  capnp::MallocMessageBuilder message_;
  rpc::Host::LaunchParams::Builder params_;
};

TEST_F(LaunchCodecTest, LimitsAreSent) {
  ASSERT_EQ(ParseLimitOption("cpu=0.5,weight=50,cpuset=0-1,memory=256M,pids=64", options_.limit),
            absl::OkStatus());
  ASSERT_EQ(Encode(), absl::OkStatus());
  const auto limits = Spec().getLimits();
  EXPECT_EQ(limits.getCpus(), 0.5);
  EXPECT_EQ(limits.getCpuWeight(), 50U);
  EXPECT_EQ(limits.getCpuset(), "0-1");
  EXPECT_EQ(limits.getMemoryBytes(), uint64_t{256} << 20);
  EXPECT_EQ(limits.getPids(), 64U);
  EXPECT_EQ(limits.getIo().size(), 0U);
}

TEST_F(LaunchCodecTest, WithoutLimitsNoneAreSent) {
  ASSERT_EQ(Encode(), absl::OkStatus());
  EXPECT_FALSE(Spec().hasLimits());
}

TEST_F(LaunchCodecTest, ADiskThatIsNoneIsNamed) {
  ASSERT_EQ(ParseLimitOption("io=/dev/null,rbps=1M", options_.limit), absl::OkStatus());
  EXPECT_THAT(ErrorOfEncoding(), ::testing::AllOf(StartsWith("--limit: io"), HasSubstr("null")));
}

TEST_F(LaunchCodecTest, NameAndLabelsAreSentAndTheVmIsStarted) {
  options_.name = "web";
  options_.labels = {{"team", "blue"}, {"job", ""}};
  ASSERT_EQ(Encode(), absl::OkStatus());
  EXPECT_EQ(params_.getName(), "web");
  EXPECT_TRUE(params_.getStart());
  const auto labels = Spec().getLabels();
  ASSERT_EQ(labels.size(), 2U);
  EXPECT_EQ(labels[0].getName(), "team");
  EXPECT_EQ(labels[0].getValue(), "blue");
  EXPECT_EQ(labels[1].getName(), "job");
  EXPECT_EQ(labels[1].getValue(), "");
}

TEST_F(LaunchCodecTest, WhereItsCgroupIsMadeIsForTheServiceToSay) {
  options_.cgroup_parent = "/fleet";
  EXPECT_THAT(ErrorOfEncoding(), StartsWith("--cgroup-parent: "));
}

TEST_F(LaunchCodecTest, UserNetworksAreTheServicesToStart) {
  options_.nets.resize(3);
  options_.nets[1].backend = NetOption::Backend::kUser;
  options_.nets[1].forwards = {
      {.protocol = api::PasstForward::Protocol::kUdp, .host = 53, .guest = 5353}};
  options_.nets[2].backend = NetOption::Backend::kUser;
  params_.initSpec().initNets(3);
  EncodeUserNets(options_, params_.getSpec());
  const auto nets = Spec().getNets();
  EXPECT_TRUE(nets[0].getBackend().isNone());
  ASSERT_TRUE(nets[1].getBackend().isUser());
  const auto forwards = nets[1].getBackend().getUser().getForwards();
  ASSERT_EQ(forwards.size(), 1U);
  EXPECT_EQ(forwards[0].getProtocol(), rpc::IpProtocol::UDP);
  EXPECT_EQ(forwards[0].getHost(), 53);
  EXPECT_EQ(forwards[0].getGuest(), 5353);
  ASSERT_TRUE(nets[2].getBackend().isUser());
  EXPECT_EQ(nets[2].getBackend().getUser().getForwards().size(), 0U);
}

TEST(NameByChance, IsAnotherEachTime) {
  const std::string name = NameByChance();
  EXPECT_THAT(name, StartsWith("vm-"));
  EXPECT_EQ(name.size(), std::string("vm-5f3c09a1").size());
  EXPECT_NE(name, NameByChance());
}

}  // namespace
}  // namespace mayfly::cli
