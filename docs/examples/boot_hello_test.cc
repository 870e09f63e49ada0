// The example of docs/api-client.md runs, and is the one that the document shows.

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
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

std::string Read(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(BootHello, IsWhatTheDocumentShows) {
  const std::string source = Read("docs/examples/boot_hello.cc");
  const size_t body = source.find("#include");
  ASSERT_NE(body, std::string::npos);
  EXPECT_THAT(Read("docs/api-client.md"), ::testing::HasSubstr(source.substr(body)));
}

}  // namespace
}  // namespace mayfly::testing
