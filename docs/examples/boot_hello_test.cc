// The example of docs/api-client.md runs.

#include <filesystem>
#include <string>

#include "gtest/gtest.h"
#include "tests/cli/command.h"

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;

CommandResult Boot(const std::string& guest) {
  Command command({fs::current_path() / "docs/examples/boot_hello",
                   fs::current_path() / "tests/guests" / guest},
                  {"MAYFLY_VMM=" + (fs::current_path() / "mayfly-vmm").string()}, "/");
  return command.Run();
}

TEST(BootHello, ShowsTheConsole) {
  const CommandResult result = Boot("hello");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "Hello from a Mayfly guest\n");
}

TEST(BootHello, EndsWithTheGuestsStatus) { EXPECT_EQ(Boot("exit_status").exit_code, 42); }

}  // namespace
}  // namespace mayfly::testing
