#include "tests/cli/host_cli_test.h"

#include <signal.h>

#include <filesystem>
#include <utility>

namespace mayfly::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

}  // namespace

void HostCliTest::SetUp() {
  CliTest::SetUp();
  daemon_.emplace(
      std::vector<std::string>{std::filesystem::current_path() / "mayflyd", "--socket", Socket()},
      std::vector<std::string>{"HOME=" + Path("home")}, Path("work"));
  daemon_->Start();
  ASSERT_TRUE(Await([this] { return Host({"ps"}).Run().exit_code == 0; }))
      << Host({"ps"}).Run().err;
}

void HostCliTest::TearDown() {
  daemon_->Signal(SIGTERM);
  EXPECT_EQ(daemon_->Wait().exit_code, 0);
  daemon_.reset();
  CliTest::TearDown();
}

Command HostCliTest::Host(std::vector<std::string> words) const {
  words.insert(words.begin(), std::filesystem::current_path() / "mayfly");
  return {std::move(words), {"HOME=" + Path("home"), "MAYFLY_HOST=" + Socket()}, Path("work")};
}

void HostCliTest::StartEcho(Command& command) {
  command.Environment("MAYFLY_HOST=" + Socket());
  command.Start();
  command.AwaitOutput("ready");
}

void HostCliTest::ExpectComplaint(const std::vector<std::string>& words, int code,
                                  const std::vector<std::string>& parts) {
  const CommandResult result = Host(words).Run();
  EXPECT_EQ(result.exit_code, code) << result.err;
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, StartsWith("mayfly: "));
  for (const std::string& part : parts) EXPECT_THAT(result.err, HasSubstr(part));
  EXPECT_THAT(result.err, Not(HasSubstr("exception")));
}

}  // namespace mayfly::testing
