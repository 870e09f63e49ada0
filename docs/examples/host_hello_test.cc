// The example of docs/api.md runs.

#include <filesystem>

#include "tests/host/host_test.h"

namespace mayfly::testing {
namespace {

class HostHelloTest : public HostTest {
 protected:
  CommandResult Launch(const std::string& guest) {
    StartDaemon();
    (void)Connect();
    Command example(
        {std::filesystem::current_path() / "docs/examples/host_hello", socket(), GuestPath(guest)},
        {}, "/");
    CommandResult result = example.Run();
    StopDaemon();
    return result;
  }
};

TEST_F(HostHelloTest, ShowsTheConsole) {
  const CommandResult result = Launch("hello");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "Hello from a Mayfly guest\n");
}

TEST_F(HostHelloTest, EndsWithTheGuestsStatus) { EXPECT_EQ(Launch("exit_status").exit_code, 42); }

}  // namespace
}  // namespace mayfly::testing
