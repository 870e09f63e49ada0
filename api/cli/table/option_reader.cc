#include "api/cli/table/option_reader.h"

#include <getopt.h>

#include <array>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

constexpr size_t kMostOptions = 32;  // of a command

struct GetoptWords {
  std::array<char, 2 * kMostOptions + 3> letters{};
  std::array<option, kMostOptions + 1> names{};
};

[[nodiscard]] int HasArgument(Presence presence) {
  switch (presence) {
    case Presence::kNone:
      return no_argument;
    case Presence::kRequired:
      return required_argument;
    case Presence::kOptional:
      return optional_argument;
  }
  return no_argument;
}

[[nodiscard]] GetoptWords WordsOf(const Command& command) {
  GetoptWords words;
  size_t letters = 0;
  // '+': stop at the first word that is no option, unless the command has such words, and options
  // behind them are its own. ':': tell a missing value from an unknown option.
  if (command.operands == Kind::kNone || !command.parts.empty()) words.letters.at(letters++) = '+';
  words.letters.at(letters++) = ':';
  size_t names = 0;
  for (const Option& given : command.options) {
    words.names.at(names++) = {given.name, HasArgument(given.presence), nullptr, given.id};
    if (given.letter == 0) continue;
    words.letters.at(letters++) = given.letter;
    if (given.presence == Presence::kRequired) words.letters.at(letters++) = ':';
  }
  return words;
}

[[nodiscard]] const Option* FindLetter(const Command& command, int letter) {
  for (const Option& given : command.options) {
    if (given.letter != 0 && given.letter == letter) return &given;
  }
  return nullptr;
}

}  // namespace

OptionReader::OptionReader(const Command& command, std::span<char* const> arguments)
    : command_(command) {
  static char program[] = "mayfly";  // getopt does not change it
  words_.reserve(arguments.size() + 2);
  words_.push_back(program);
  words_.insert(words_.end(), arguments.begin(), arguments.end());
  words_.push_back(nullptr);
  optind = 0;  // begin anew (getopt(3), glibc)
  opterr = 0;  // the messages are ours
}

absl::StatusOr<std::optional<GivenOption>> OptionReader::Next() {
  const GetoptWords words = WordsOf(command_);
  const int count = static_cast<int>(words_.size()) - 1;
  before_ = optind == 0 ? 1 : optind;
  const int found =
      ::getopt_long(count, words_.data(), words.letters.data(), words.names.data(), nullptr);
  if (found == '?') return Unknown();
  if (found == ':') {
    return absl::InvalidArgumentError(absl::StrCat(ToAbsl(WordAtFault()), ": a value is missing"));
  }
  if (found != -1) {
    const Option* const by_letter = FindLetter(command_, found);
    return GivenOption{.id = by_letter == nullptr ? found : by_letter->id, .value = optarg};
  }
  rest_ = optind;
  const std::string_view last = words_[static_cast<size_t>(optind - 1)];
  separated_ = optind > before_ && last == "--";
  return std::nullopt;
}

std::span<char* const> OptionReader::rest() const {
  const auto first = static_cast<size_t>(rest_);
  return std::span(words_).subspan(first, words_.size() - 1 - first);
}

std::string_view OptionReader::WordAtFault() const {
  static std::array<char, 3> letter = {'-', 0, 0};
  // Within a word of several letters, getopt has not gone on yet: what is before it is in order.
  const std::string_view word = words_[static_cast<size_t>(optind > 1 ? optind - 1 : 1)];
  if (optind > before_ && word.starts_with("--")) return word;
  letter[1] = static_cast<char>(optopt);
  return {letter.data(), 2};
}

absl::Status OptionReader::Unknown() const {
  return absl::InvalidArgumentError(absl::StrCat("option \"", ToAbsl(WordAtFault()),
                                                 "\" is unknown, ambiguous or takes no value"));
}

}  // namespace mayfly::cli
