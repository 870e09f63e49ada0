#include "images/init/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mayfly::init {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ParseCommandLine, TakesOnlyOurs) {
  const Options options = ParseCommandLine("console=ttyS0 quiet panic=-1 root=/dev/vdb rootwait\n");
  EXPECT_THAT(options.root_device, IsEmpty());
  EXPECT_THAT(options.working_directory, IsEmpty());
  EXPECT_THAT(options.environment, IsEmpty());
  EXPECT_THAT(options.complaints, IsEmpty());
}

TEST(ParseCommandLine, Root) {
  const Options plain = ParseCommandLine("quiet mayfly.root=/dev/vda");
  EXPECT_EQ(plain.root_device, "/dev/vda");
  EXPECT_EQ(plain.root_type, "");
  EXPECT_FALSE(plain.root_read_only);

  const Options full = ParseCommandLine("mayfly.root=/dev/vdb,erofs,ro");
  EXPECT_EQ(full.root_device, "/dev/vdb");
  EXPECT_EQ(full.root_type, "erofs");
  EXPECT_TRUE(full.root_read_only);

  const Options read_only = ParseCommandLine("mayfly.root=/dev/vda,ro");
  EXPECT_EQ(read_only.root_type, "");
  EXPECT_TRUE(read_only.root_read_only);

  const Options writable = ParseCommandLine("mayfly.root=/dev/vda,rw,ext4");
  EXPECT_EQ(writable.root_type, "ext4");
  EXPECT_FALSE(writable.root_read_only);
}

TEST(ParseCommandLine, QuotesKeepBlanksTogether) {
  const Options options =
      ParseCommandLine("mayfly.env=\"A=one two\" \"mayfly.env=B=three four\" mayfly.cwd=/srv");
  EXPECT_THAT(options.environment, ElementsAre("A=one two", "B=three four"));
  EXPECT_EQ(options.working_directory, "/srv");
}

TEST(ParseCommandLine, Command) {
  const Options options =
      ParseCommandLine("mayfly.cwd=/a splash -- sh -c \"exit 7\" -- mayfly.cwd=/b\n");
  EXPECT_EQ(options.working_directory, "/a");
  EXPECT_THAT(options.command, ElementsAre("sh", "-c", "exit 7", "--", "mayfly.cwd=/b"));
  EXPECT_THAT(options.complaints, IsEmpty());
  EXPECT_THAT(ParseCommandLine("quiet --").command, IsEmpty());
  EXPECT_THAT(ParseCommandLine("quiet -- a \"\" b").command, ElementsAre("a", "", "b"));
}

TEST(ParseCommandLine, EscapesAreDecodedAfterWordsAreToldApart) {
  const Options options =
      ParseCommandLine(R"(mayfly.env=A=\x22b\x22 -- \x22a\x20b "c\x22 d" \x5cx22)");
  EXPECT_THAT(options.environment, ElementsAre("A=\"b\""));
  EXPECT_THAT(options.command, ElementsAre("\"a b", "c\" d", "\\x22"));
}

TEST(ParseCommandLine, AnyOtherBackslashStandsForItself) {
  EXPECT_THAT(ParseCommandLine(R"(-- a\nb\\ \x \x2 \xg1 \)").command,
              ElementsAre("a\\nb\\\\", "\\x", "\\x2", "\\xg1", "\\"));
}

TEST(ParseCommandLine, ComplainsAboutWhatItDoesNotUnderstand) {
  EXPECT_THAT(ParseCommandLine("mayfly.rot=/dev/vda").complaints,
              ElementsAre(HasSubstr("'mayfly.rot=/dev/vda' is not known")));
  EXPECT_THAT(ParseCommandLine("mayfly.root").complaints,
              ElementsAre(HasSubstr("names no device")));
  EXPECT_THAT(ParseCommandLine("mayfly.root=,ext4").complaints,
              ElementsAre(HasSubstr("names no device")));
  EXPECT_THAT(ParseCommandLine("mayfly.cwd=").complaints,
              ElementsAre(HasSubstr("names no folder")));
  EXPECT_THAT(ParseCommandLine("mayfly.env=A mayfly.env==b mayfly.env=").complaints,
              ElementsAre(HasSubstr("is no variable"), HasSubstr("is no variable"),
                          HasSubstr("is no variable")));
}

TEST(ParseCommandLine, AnUnclosedQuoteReachesToTheEnd) {
  EXPECT_THAT(ParseCommandLine("mayfly.env=\"A=b -- c").environment, ElementsAre("A=b -- c"));
}

}  // namespace
}  // namespace mayfly::init
