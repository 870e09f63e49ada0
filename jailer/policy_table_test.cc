#include "jailer/policy_table.h"

#include <fstream>
#include <iterator>
#include <string>

#include "gtest/gtest.h"

namespace mayfly::jailer {
namespace {

constexpr std::string_view kBegin = "<!-- begin: bazel run //jailer:policy_table -->\n\n";
constexpr std::string_view kEnd = "\n<!-- end -->";

TEST(PolicyTableTest, TheDocumentationShowsThePoliciesAsTheyAre) {
  std::ifstream file("docs/security.md");
  ASSERT_TRUE(file) << "the test is run from the runfiles' root";
  const std::string page(std::istreambuf_iterator<char>(file), {});
  const size_t mark = page.find(kBegin);
  ASSERT_NE(mark, std::string::npos);
  const size_t begin = mark + kBegin.size();
  const size_t end = page.find(kEnd, begin);
  ASSERT_NE(end, std::string::npos);
  EXPECT_EQ(page.substr(begin, end - begin), PolicyTable())
      << "put the output of `bazel run //jailer:policy_table` between the marks";
}

}  // namespace
}  // namespace mayfly::jailer
