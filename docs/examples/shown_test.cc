// The examples are what the documents show.

#include <fstream>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::testing {
namespace {

std::string Read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void ExpectShown(const std::string& example, const std::string& document) {
  const std::string source = Read(example);
  const size_t body = source.find("#include");
  ASSERT_NE(body, std::string::npos);
  EXPECT_THAT(Read(document), ::testing::HasSubstr(source.substr(body)));
}

TEST(Shown, BootHello) { ExpectShown("docs/examples/boot_hello.cc", "docs/api-client.md"); }

TEST(Shown, HostHello) { ExpectShown("docs/examples/host_hello.cc", "docs/api.md"); }

}  // namespace
}  // namespace mayfly::testing
