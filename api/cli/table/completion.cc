#include "api/cli/table/completion.h"

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/cli/table/commands.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

using What = Candidate::What;

// Gathers what begins with what is there already.
class Collector final {
 public:
  explicit Collector(std::string_view current) : current_(current) {}

  void Add(What what, std::string text, std::string_view help = {}) {
    const bool is_word = what == What::kWord || what == What::kPart;
    if (is_word && !absl::StartsWith(text, ToAbsl(current_))) return;
    candidates_.push_back({what, std::move(text), std::string(help)});
  }
  // Each of "a|b|c", behind `prefix`.
  void AddChoices(std::string_view choices, std::string_view prefix) {
    while (!choices.empty()) {
      const size_t end = std::min(choices.find('|'), choices.size());
      Add(What::kWord, absl::StrCat(ToAbsl(prefix), ToAbsl(choices.substr(0, end))));
      choices.remove_prefix(std::min(end + 1, choices.size()));
    }
  }
  void AddKind(Kind kind, std::string_view choices, std::string_view prefix) {
    switch (kind) {
      case Kind::kNone:
      case Kind::kText:
        return;
      case Kind::kFile:
        return Add(What::kFiles, std::string(prefix));
      case Kind::kChoice:
        return AddChoices(choices, prefix);
      case Kind::kMachine:
        return Add(What::kMachines, std::string(prefix));
      case Kind::kCommand:
        for (const Command* const part : kMayflyCommand.parts) {
          Add(What::kWord, absl::StrCat(ToAbsl(prefix), ToAbsl(part->name)), part->summary);
        }
        return;
    }
  }
  [[nodiscard]] std::vector<Candidate> Take() { return std::move(candidates_); }

 private:
  std::string_view current_;
  std::vector<Candidate> candidates_;
};

[[nodiscard]] const Option* FindOption(const Command& command, std::string_view word) {
  for (const Option& option : command.options) {
    if (word.starts_with("--") ? word.substr(2) == option.name
                               : word.size() == 2 && word[1] == option.letter) {
      return &option;
    }
  }
  return nullptr;
}

// The last part of a value of words: "overlay=" of "root.img,overlay=".
void AddWordValues(const Option& option, std::string_view name, std::string_view prefix,
                   Collector& collector) {
  for (const Word& word : option.words) {
    if (word.name == name) collector.AddKind(word.kind, word.argument, prefix);
  }
}

// What the value `text` of an option can go on with, behind `prefix` ("--disk=" or nothing).
void AddValues(const Option& option, std::string_view prefix, std::string_view text,
               Collector& collector) {
  const size_t comma = text.rfind(',');
  const bool is_first = comma == std::string_view::npos;
  const std::string_view last = is_first ? text : text.substr(comma + 1);
  const std::string head =
      absl::StrCat(ToAbsl(prefix), ToAbsl(text.substr(0, text.size() - last.size())));
  if (const size_t equals = last.find('=');
      equals != std::string_view::npos && !option.words.empty()) {
    const std::string_view name = last.substr(0, equals);
    AddWordValues(option, name, absl::StrCat(head, ToAbsl(name), "="), collector);
    return;
  }
  if (is_first || option.words.empty()) collector.AddKind(option.kind, option.argument, prefix);
  std::string_view before;
  for (const Word& word : option.words) {
    const Place other = is_first ? Place::kBehind : Place::kFirst;
    if (word.place == other || word.name == before) continue;
    before = word.name;
    collector.Add(What::kPart,
                  absl::StrCat(head, ToAbsl(word.name), word.argument.empty() ? "" : "="),
                  word.help);
  }
}

// Where in the command line the cursor is.
struct Position {
  const Command* command;
  const Option* awaiting = nullptr;  // a value
  bool only_words = false;           // "--" was there
  std::optional<std::string> host = {};
};

[[nodiscard]] bool IsHost(const Option* option) {
  return option != nullptr && option->id == kHostOption;
}

[[nodiscard]] Position Walk(const Command& program, std::span<const std::string_view> words) {
  Position position{.command = &program};
  for (const std::string_view word : words) {
    if (position.awaiting != nullptr) {
      if (IsHost(position.awaiting)) position.host = word;
      position.awaiting = nullptr;
    } else if (position.only_words) {
      continue;
    } else if (word == "--") {
      position.only_words = true;
    } else if (word.starts_with("-")) {
      const size_t equals = word.find('=');
      const Option* const option = FindOption(*position.command, word.substr(0, equals));
      if (equals != std::string_view::npos) {
        if (IsHost(option)) position.host = word.substr(equals + 1);
      } else if (option != nullptr && option->presence == Presence::kRequired) {
        position.awaiting = option;
      }
    } else if (const Command* const part = FindPart(*position.command, word)) {
      position.command = part;
    }
  }
  return position;
}

[[nodiscard]] std::string_view NameOf(What what) {
  switch (what) {
    case What::kWord:
      return "word";
    case What::kPart:
      return "part";
    case What::kFiles:
      return "files";
    case What::kMachines:
      return "machines";
  }
  return "";
}

}  // namespace

std::vector<Candidate> Complete(const Command& program, std::span<const std::string_view> words) {
  const std::string_view current = words.empty() ? std::string_view() : words.back();
  Collector collector(current);
  const Position position = Walk(program, words.first(words.empty() ? 0 : words.size() - 1));
  const Command& command = *position.command;
  const size_t equals = current.find('=');
  if (position.awaiting != nullptr) {
    AddValues(*position.awaiting, "", current, collector);
  } else if (position.only_words) {
    return {};
  } else if (current.starts_with("--") && equals != std::string_view::npos) {
    const Option* const option = FindOption(command, current.substr(0, equals));
    if (option == nullptr || option->presence == Presence::kNone) return {};
    AddValues(*option, current.substr(0, equals + 1), current.substr(equals + 1), collector);
  } else if (current.starts_with("-")) {
    for (const Option& option : command.options) {
      collector.Add(What::kWord, absl::StrCat("--", option.name), option.help);
    }
  } else if (!command.parts.empty()) {
    for (const Command* const part : command.parts) {
      collector.Add(What::kWord, std::string(part->name), part->summary);
    }
  } else {
    collector.AddKind(command.operands, command.choices, "");
  }
  std::vector<Candidate> candidates = collector.Take();
  for (Candidate& candidate : candidates) candidate.host = position.host;
  return candidates;
}

std::string FormatCandidates(std::span<const Candidate> candidates) {
  std::string lines;
  for (const Candidate& candidate : candidates) {
    absl::StrAppend(&lines, ToAbsl(NameOf(candidate.what)), "\t", candidate.text, "\t",
                    candidate.help, "\n");
  }
  return lines;
}

}  // namespace mayfly::cli
