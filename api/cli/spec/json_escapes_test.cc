#include "api/cli/spec/json_escapes.h"

#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

TEST(ReplaceEscapes, CharactersStandForThemselves) {
  EXPECT_EQ(ReplaceEscapes(R"("\u0041\u00e9\u20AC")"), "\"A\u00e9\u20ac\"");
  EXPECT_EQ(ReplaceEscapes(R"("\ud83d\udc1f")"), "\"\U0001f41f\"");
  EXPECT_EQ(ReplaceEscapes(R"("\u001e")"), "\"\x1e\"");
}

TEST(ReplaceEscapes, WhatWouldEndAStringStaysEscaped) {
  EXPECT_EQ(ReplaceEscapes(R"("\u0022\u005c")"), R"("\"\\")");
}

TEST(ReplaceEscapes, OthersStay) {
  for (const char* const json : {R"("\\u0041")", R"("\n\"\\")", R"({"a": 1})", R"("\u12")",
                                 R"("\u12g4")", R"("\u+041")", "\\"}) {
    EXPECT_EQ(ReplaceEscapes(json), json);
  }
}

TEST(ReplaceEscapes, HalfAPairIsNoCharacter) {
  EXPECT_EQ(ReplaceEscapes(R"("\ud83dx")"), "\"\ufffdx\"");
  EXPECT_EQ(ReplaceEscapes(R"("\ud83d\u0041")"),
            "\"\ufffd"
            "A\"");
  EXPECT_EQ(ReplaceEscapes(R"("\udc1f")"), "\"\ufffd\"");
}

}  // namespace
}  // namespace mayfly::cli
