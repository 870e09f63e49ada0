// `mayfly run --net user`: a guest gets an address from passt, through the device in both ways.

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "api/testing/passt.h"
#include "tests/cli/cli_test.h"

namespace mayfly::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class UserNetTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    if (!api::testing::HasPasst()) GTEST_SKIP() << api::testing::kNeedsPasst;
  }
  void ExpectOffer(const std::string& words) const {
    const CommandResult result =
        RunGuest("dhcp", {"--net", "user" + words, "--timeout", "30s"}).Run();
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("offered "));
    EXPECT_THAT(result.err, IsEmpty());
  }
};

TEST_F(UserNetTest, GivesAnAddress) { ExpectOffer(""); }

TEST_F(UserNetTest, GivesAnAddressToAChosenCard) { ExpectOffer(",mtu=9000,mac=02:00:00:00:00:07"); }

// Nothing may leave, and the guest does not have its address yet; DHCP may, and needs none.
TEST_F(UserNetTest, GivesAnAddressThroughTheStrictestFilter) {
  ExpectOffer(",allow=none,address=203.0.113.9");
}

// Then it is the host service that starts it.
TEST_F(UserNetTest, GivesAnAddressToADetachedVm) {
  const std::string socket = Path("host.sock");
  Command daemon({std::filesystem::current_path() / "mayflyd", "--socket", socket},
                 {"HOME=" + Path("home")}, Path("work"));
  daemon.Start();
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"--host", socket});
    return Mayfly(words).Run();
  };
  ASSERT_TRUE(Await([&] { return run({"ps"}).exit_code == 0; })) << run({"ps"}).err;
  EXPECT_EQ(run({"run", "-d", "--name", "web", "--kernel", GuestPath("dhcp"), "--net", "user"}).out,
            "web\n");
  EXPECT_EQ(run({"wait", "web"}).exit_code, 0);
  EXPECT_THAT(run({"inspect", "web"}).out, HasSubstr("\"user\""));
  EXPECT_EQ(run({"rm", "web"}).exit_code, 0);
  daemon.Signal(SIGTERM);
  EXPECT_EQ(daemon.Wait().exit_code, 0);
}

}  // namespace
}  // namespace mayfly::testing
