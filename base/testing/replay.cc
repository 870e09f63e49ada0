#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/testing/fuzz_target.h"
#include "gtest/gtest.h"

namespace {

std::vector<uint8_t> Contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::vector<char> chars{std::istreambuf_iterator<char>(in), {}};
  return {chars.begin(), chars.end()};
}

// What fuzzers found once, and what shows the most of the code, stays harmless.
TEST(Corpus, EveryInputIsHarmless) {
  const char* const corpus = std::getenv("MAYFLY_CORPUS");
  ASSERT_NE(corpus, nullptr);
  int inputs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
    SCOPED_TRACE(entry.path());
    const std::vector<uint8_t> input = Contents(entry.path());
    EXPECT_EQ(LLVMFuzzerTestOneInput(input.data(), input.size()), 0);
    ++inputs;
  }
  EXPECT_GT(inputs, 0) << "no inputs in " << corpus;
}

}  // namespace
