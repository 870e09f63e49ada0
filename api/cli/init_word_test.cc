#include "api/cli/init_word.h"

#include <gtest/gtest.h>

namespace mayfly::cli {
namespace {

TEST(QuoteInitWord, PlainWordsAreUntouched) {
  EXPECT_EQ(QuoteInitWord("uname"), "uname");
  EXPECT_EQ(QuoteInitWord("--all=$x;'y'"), "--all=$x;'y'");
  EXPECT_EQ(QuoteInitWord("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
}

TEST(QuoteInitWord, BlanksAreQuoted) {
  EXPECT_EQ(QuoteInitWord("exit 7"), "\"exit 7\"");
  EXPECT_EQ(QuoteInitWord(""), "\"\"");
}

TEST(QuoteInitWord, WhatTheKernelCannotCarryIsEscaped) {
  EXPECT_EQ(QuoteInitWord("say \"hi\""), R"("say \x22hi\x22")");
  EXPECT_EQ(QuoteInitWord("a\\x22"), R"(a\x5cx22)");
  EXPECT_EQ(QuoteInitWord("a\nb\tc\x7f"), R"(a\x0ab\x09c\x7f)");
}

}  // namespace
}  // namespace mayfly::cli
