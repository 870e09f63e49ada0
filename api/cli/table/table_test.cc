// What is made of the tables of commands: options, help, completions.

#include <algorithm>
#include <initializer_list>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "api/cli/table/commands.h"
#include "api/cli/table/completion.h"
#include "api/cli/table/help_text.h"
#include "api/cli/table/option_reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// All commands, with their parts.
void Gather(const Command& command, std::vector<const Command*>& all) {
  all.push_back(&command);
  for (const Command* const part : command.parts) Gather(*part, all);
}
std::vector<const Command*> AllCommands() {
  std::vector<const Command*> all;
  Gather(kMayflyCommand, all);
  return all;
}

class Words {
 public:
  Words(std::initializer_list<const char*> words) : copies_(words.begin(), words.end()) {
    for (std::string& copy : copies_) pointers_.push_back(copy.data());
  }
  operator std::span<char* const>() const { return pointers_; }

 private:
  std::vector<std::string> copies_;
  std::vector<char*> pointers_;
};

TEST(Table, EachOptionHasANumberOfItsOwnAndIsUnderstood) {
  for (const Command* const command : AllCommands()) {
    SCOPED_TRACE(command->name);
    std::set<int> numbers;
    for (const Option& option : command->options) {
      EXPECT_TRUE(numbers.insert(option.id).second) << option.name;
      std::string word = std::string("--") + option.name;
      if (option.presence != Presence::kNone) word += "=value";
      const Words words({word.c_str()});
      OptionReader reader(*command, words);
      const auto given = reader.Next();
      ASSERT_TRUE(given.ok() && given->has_value()) << given.status();
      EXPECT_EQ((*given)->id, option.id);
      EXPECT_EQ((*given)->value != nullptr, option.presence != Presence::kNone);
    }
  }
}

TEST(Table, HelpNamesEveryOptionAndFitsATerminal) {
  for (const Command* const command : AllCommands()) {
    const std::string help = HelpText(*command, "mayfly");
    for (const Option& option : command->options) {
      EXPECT_THAT(help, HasSubstr(OptionHead(option)));
      for (const Word& word : option.words) EXPECT_THAT(help, HasSubstr(WordHead(word)));
    }
    for (const Command* const part : command->parts) EXPECT_THAT(help, HasSubstr(part->name));
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), 88U) << line;
      EXPECT_FALSE(line.ends_with(' ')) << line;
    }
  }
}

TEST(Table, WhoeverHasSomethingToSaySaysItToProgramsToo) {
  // What these say has a form of its own, or is nothing.
  const std::set<std::string_view> others = {"console", "flatten",    "commit",
                                             "rebase",  "completion", "man"};
  for (const Command* const command : AllCommands()) {
    if (!command->parts.empty() || others.contains(command->name)) continue;
    SCOPED_TRACE(command->name);
    const auto is_output = [](const Option& option) {
      return option.letter == 'o' && std::string_view(option.name) == "output" &&
             option.argument.ends_with("json");
    };
    EXPECT_TRUE(std::ranges::any_of(command->options, is_output));
  }
}

TEST(OptionReader, OptionsMayStandBehindWordsWhereACommandTakesThem) {
  const Words words({"overlay", "--help", "other"});
  OptionReader reader(kDiskInfoCommand, words);
  EXPECT_EQ((*reader.Next().value()).id, kHelpOption);
  EXPECT_EQ(reader.Next().value(), std::nullopt);
  EXPECT_THAT(reader.rest(), ElementsAre(::testing::StrEq("overlay"), ::testing::StrEq("other")));
}

TEST(OptionReader, WordsOfTheGuestAreLeftAlone) {
  const Words words({"--cpus", "2", "--", "--kernel", "x"});
  OptionReader reader(kRunCommand, words);
  EXPECT_STREQ((*reader.Next().value()).value, "2");
  EXPECT_EQ(reader.Next().value(), std::nullopt);
  EXPECT_TRUE(reader.separated());
  EXPECT_EQ(reader.rest().size(), 2U);
}

TEST(OptionReader, MistakesNameTheWord) {
  const auto error = [](std::initializer_list<const char*> given) {
    const Words words(given);
    OptionReader reader(kRunCommand, words);
    return std::string(reader.Next().status().message());
  };
  EXPECT_THAT(error({"--wings"}), HasSubstr("\"--wings\""));
  EXPECT_THAT(error({"--c"}), HasSubstr("\"--c\""));
  EXPECT_THAT(error({"-x"}), HasSubstr("\"-x\""));
  EXPECT_THAT(error({"--help=3"}), HasSubstr("\"--help=3\""));
  EXPECT_EQ(error({"--cpus"}), "--cpus: a value is missing");
}

TEST(OptionReader, MistakesAmongLettersNameTheLetter) {
  for (const char* const letters : {"-xq", "-qx"}) {
    const Words words({"--all", letters});
    OptionReader reader(kPsCommand, words);
    auto given = reader.Next();
    while (given.ok()) given = reader.Next();
    EXPECT_THAT(std::string(given.status().message()), HasSubstr("\"-x\"")) << letters;
  }
}

TEST(OptionReader, OptionsOfAPartAreNotThoseOfTheProgram) {
  const Words words({"--ho", "/s", "ps", "--all"});
  OptionReader reader(kMayflyCommand, words);
  EXPECT_STREQ((*reader.Next().value()).value, "/s");
  EXPECT_EQ(reader.Next().value(), std::nullopt);
  EXPECT_EQ(reader.rest().size(), 2U);
}

std::string Completions(std::initializer_list<std::string_view> words) {
  const std::vector<std::string_view> copies(words);
  std::string text;
  for (const Candidate& candidate : Complete(kMayflyCommand, copies)) {
    using What = Candidate::What;
    if (!text.empty()) text += ' ';
    if (candidate.what == What::kFiles) text += "files:";
    if (candidate.what == What::kMachines) text += "machines:";
    text += candidate.text;
  }
  return text;
}

TEST(Completion, OfCommands) {
  EXPECT_EQ(Completions({"di"}), "disk");
  EXPECT_EQ(Completions({"disk", ""}), "info flatten commit rebase");
  EXPECT_EQ(Completions({"completion", ""}), "bash zsh fish");
  EXPECT_EQ(Completions({"--host", "/s", "kill", "one", "t"}), "machines:");
  EXPECT_THAT(Completions({"man", ""}), HasSubstr("disk doctor version"));
  EXPECT_EQ(Completions({"disk", "info", "over"}), "files:");
}

TEST(Completion, VmsAreThoseOfTheServiceThatIsNamed) {
  const auto host = [](std::initializer_list<std::string_view> words) {
    const std::vector<std::string_view> copies(words);
    return Complete(kMayflyCommand, copies).at(0).host;
  };
  EXPECT_EQ(host({"kill", ""}), std::nullopt);
  EXPECT_EQ(host({"--host", "/s", "kill", ""}), "/s");
  EXPECT_EQ(host({"--host=/s", "kill", ""}), "/s");
  EXPECT_EQ(host({"--host=/s", "kill", "--host", "/t", "one", ""}), "/t");
}

TEST(Completion, OfOptionsAndTheirValues) {
  EXPECT_EQ(Completions({"run", "--ti"}), "--timeout --timeline");
  EXPECT_EQ(Completions({"run", "--kernel", ""}), "files:");
  EXPECT_EQ(Completions({"run", "--kernel=b"}), "files:--kernel=");
  EXPECT_EQ(Completions({"run", "--boot", "l"}), "linux64");
  EXPECT_EQ(Completions({"run", "--boot=p"}), "--boot=pvh");
  EXPECT_EQ(Completions({"wait", "--output", ""}), "text json");
  EXPECT_EQ(Completions({"inspect", "-o", ""}), "json");
  EXPECT_EQ(Completions({"run", "--cmdline", "--k"}), "");
  EXPECT_EQ(Completions({"run", "--wings=3"}), "");
  EXPECT_EQ(Completions({"run", "--", "--k"}), "");
}

TEST(Completion, OfWordsWithinValues) {
  EXPECT_EQ(Completions({"run", "--disk", "a.img"}), "files:");
  EXPECT_EQ(Completions({"run", "--disk", "a.img,r"}), "a.img,ro a.img,rw");
  EXPECT_EQ(Completions({"run", "--disk=a,overlay="}),
            "--disk=a,overlay=memory files:--disk=a,overlay=");
  EXPECT_EQ(Completions({"run", "--disk", "a,engine=s"}), "a,engine=sync");
  EXPECT_EQ(Completions({"run", "--net", ""}), "user tap= fd= none");
  EXPECT_EQ(Completions({"run", "--net", "user,fo"}), "user,forward=");
  EXPECT_EQ(Completions({"run", "--limit", "cpu=1,me"}), "cpu=1,memory=");
  EXPECT_EQ(Completions({"run", "--memory", "1G,"}), "1G,pages=");
}

TEST(Completion, NothingAboutWhatIsUnknown) {
  EXPECT_EQ(Completions({"fly", "--"}), "--host --help --version");
  EXPECT_THAT(CompletionScript("tcsh"), IsEmpty());
}

}  // namespace
}  // namespace mayfly::cli
