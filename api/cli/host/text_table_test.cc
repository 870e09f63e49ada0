#include "api/cli/host/text_table.h"

#include <stdlib.h>
#include <unistd.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

using ::testing::HasSubstr;

TEST(TextTable, ColumnsAreAsWideAsTheyHaveToBe) {
  TextTable table({"NAME", "STATE", "LABELS"});
  table.Add({{"a-long-name"}, {"ended"}, {""}});
  table.Add({{"b"}, {"running"}, {"team=blue"}});
  EXPECT_EQ(table.Format(false),
            "NAME         STATE    LABELS\n"
            "a-long-name  ended    \n"
            "b            running  team=blue\n");
}

TEST(TextTable, ColoursDoNotCount) {
  TextTable table({"A", "B"});
  table.Add({{"x", Colour::kRed}, {"y"}});
  const std::string text = table.Format(true);
  EXPECT_THAT(text, HasSubstr("\x1b[31mx\x1b[0m  y\n"));
}

TEST(TextTable, WhatOthersWriteCannotDriveTheTerminal) {
  TextTable table({"A"});
  table.Add({{"x\x1b[2J\ny\x7f"}});
  EXPECT_EQ(table.Format(false), "A\nx?[2J?y?\n");
}

TEST(UsesColours, NotWithoutATerminal) {
  ASSERT_EQ(::setenv("NO_COLOR", "1", 1), 0);
  EXPECT_FALSE(UsesColours(STDOUT_FILENO));
  ASSERT_EQ(::unsetenv("NO_COLOR"), 0);
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  EXPECT_FALSE(UsesColours(pipe_ends[1]));
}

}  // namespace
}  // namespace mayfly::cli
