#include "api/codec/utf8.h"

#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

TEST(Utf8, LeavesWhatIsValid) {
  for (const char* text : {"", "plain", "gr\xc3\xbc\xc3\x9f", "\xe2\x82\xac", "\xf0\x9f\x9a\x80"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
    EXPECT_EQ(ValidUtf8(text), text);
  }
}

TEST(Utf8, ReplacesWhatIsNot) {
  EXPECT_FALSE(IsUtf8("a\xff"));
  EXPECT_EQ(ValidUtf8("a\xff"
                      "b"),
            "a\xef\xbf\xbd"
            "b");
  // Cut off, too long for what it says, and half of a pair.
  for (const char* text : {"\xe2\x82", "\xc0\x80", "\xed\xa0\x80"}) {
    EXPECT_FALSE(IsUtf8(text)) << text;
    EXPECT_TRUE(IsUtf8(ValidUtf8(text))) << text;
  }
}

}  // namespace
}  // namespace mayfly::api
