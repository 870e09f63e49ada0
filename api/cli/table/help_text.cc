#include "api/cli/table/help_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "api/cli/table/filled_text.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

constexpr size_t kWidth = 88;
constexpr size_t kOptionIndent = 2;
constexpr size_t kOptionColumn = 21;  // where texts begin
constexpr size_t kWordIndent = 6;
constexpr size_t kWordColumn = 25;
constexpr size_t kGap = 2;  // between a head and its text

void AppendRow(std::string_view head, std::string_view text, size_t indent, size_t column,
               std::string& out) {
  out.append(indent, ' ').append(head);
  size_t at = indent + head.size();
  const size_t gap = at + kGap <= column ? column - at : kGap;
  out.append(gap, ' ');
  at += gap;
  AppendFilled(text, at, column, kWidth, out);
}

void AppendOption(const Option& option, std::string& out) {
  AppendRow(OptionHead(option), option.help, kOptionIndent, kOptionColumn, out);
  if (!option.other_form.empty()) {
    AppendRow(absl::StrCat("--", option.name, ToAbsl(option.other_form)), option.other_help,
              kOptionIndent, kOptionColumn, out);
  }
  for (const Word& word : option.words) {
    AppendRow(WordHead(word), word.help, kWordIndent, kWordColumn, out);
  }
}

void AppendParts(const Command& command, std::string_view path, std::string& out) {
  const bool is_program = command.name == path;
  size_t column = 0;
  const auto head = [&](const Command& part) {
    // Of the program, its commands; of a command, how its parts are called.
    return is_program ? std::string(part.name)
                      : absl::StrCat(ToAbsl(path), " ", ToAbsl(part.name), " ", ToAbsl(part.usage));
  };
  for (const Command* const part : command.parts) {
    column = std::max(column, kOptionIndent + head(*part).size() + kGap);
  }
  for (const Command* const part : command.parts) {
    AppendRow(head(*part), part->summary, kOptionIndent, column, out);
  }
  out += '\n';
}

}  // namespace

std::string OptionHead(const Option& option) {
  std::string head;
  if (option.letter != 0) absl::StrAppend(&head, "-", std::string(1, option.letter), ", ");
  absl::StrAppend(&head, "--", option.name);
  if (option.presence == Presence::kRequired) {
    absl::StrAppend(&head, " ", ToAbsl(option.argument));
  } else if (option.presence == Presence::kOptional && option.other_form.empty()) {
    absl::StrAppend(&head, "[=", ToAbsl(option.argument), "]");
  }
  return head;
}

std::string WordHead(const Word& word) {
  if (word.argument.empty()) return std::string(word.name);
  return absl::StrCat(ToAbsl(word.name), "=", ToAbsl(word.argument));
}

std::string HelpText(const Command& command, std::string_view path) {
  std::string out;
  AppendFilled(command.description, 0, 0, kWidth, out);
  out += '\n';
  if (!command.usage.empty() || command.parts.empty()) {
    absl::StrAppend(&out, "usage: ", ToAbsl(path), command.usage.empty() ? "" : " ",
                    ToAbsl(command.usage), "\n\n");
  }
  if (!command.parts.empty()) AppendParts(command, path, out);
  for (const Option& option : command.options) AppendOption(option, out);
  for (const Note& note : command.notes) {
    out += '\n';
    const std::string text = absl::StrCat(ToAbsl(note.title), ": ", ToAbsl(note.text));
    AppendFilled(text, 0, 0, kWidth, out);
  }
  return out;
}

}  // namespace mayfly::cli
