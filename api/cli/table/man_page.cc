#include "api/cli/table/man_page.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "api/cli/table/help_text.h"
#include "api/version.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

// As roff takes it literally. A line that begins with a dot or a quote would be a macro.
[[nodiscard]] std::string Escape(std::string_view text) {
  std::string escaped = absl::StrReplaceAll(ToAbsl(text), {{"\\", "\\e"},
                                                           {"-", "\\-"},
                                                           {"^", "\\(ha"},
                                                           {"`", "\\(ga"},
                                                           {"~", "\\(ti"},
                                                           {"\n\n", "\n.PP\n"}});
  if (escaped.starts_with('.') || escaped.starts_with('\'')) escaped.insert(0, "\\&");
  return escaped;
}

void AppendLine(std::string_view text, std::string& out) {
  absl::StrAppend(&out, Escape(text), "\n");
}

void AppendSection(std::string_view title, std::string& out) {
  absl::StrAppend(&out, ".SH ", absl::AsciiStrToUpper(ToAbsl(title)), "\n");
}

void AppendTerm(std::string_view head, std::string_view text, std::string& out) {
  absl::StrAppend(&out, ".TP\n\\fB", Escape(head), "\\fP\n");
  AppendLine(text, out);
}

void AppendOption(const Option& option, std::string& out) {
  AppendTerm(OptionHead(option), option.help, out);
  if (!option.words.empty()) {
    out += ".RS\n";
    for (const Word& word : option.words) AppendTerm(WordHead(word), word.help, out);
    out += ".RE\n";
  }
  if (!option.other_form.empty()) {
    AppendTerm(absl::StrCat("--", option.name, ToAbsl(option.other_form)), option.other_help, out);
  }
}

[[nodiscard]] std::string Name(std::string_view path) {
  std::string name(path);
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

void AppendParts(const Command& command, std::string& out) {
  if (command.parts.empty()) return;
  AppendSection("Commands", out);
  for (const Command* const part : command.parts) {
    const absl::string_view usage = part->parts.empty() ? ToAbsl(part->usage) : "COMMAND";
    AppendTerm(absl::StrCat(ToAbsl(part->name), usage.empty() ? "" : " ", usage), part->summary,
               out);
  }
}

}  // namespace

std::string ManPage(const Command& command, std::string_view path) {
  const std::string name = Name(path);
  std::string out =
      absl::StrCat(".TH ", absl::AsciiStrToUpper(name), " 1 ", ToAbsl(api::kVersionDate),
                   " \"Mayfly ", ToAbsl(api::kVersion), "\" \"Mayfly\"\n");
  AppendSection("Name", out);
  absl::StrAppend(&out, Escape(name), " \\- ", Escape(command.summary), "\n");
  AppendSection("Synopsis", out);
  const std::string_view usage = command.usage.empty() && !command.parts.empty()
                                     ? std::string_view("COMMAND [OPTION]...")
                                     : command.usage;
  absl::StrAppend(&out, "\\fB", Escape(path), "\\fP", usage.empty() ? "" : " ", Escape(usage),
                  "\n");
  AppendSection("Description", out);
  AppendLine(command.description, out);
  AppendParts(command, out);
  if (!command.options.empty()) AppendSection("Options", out);
  for (const Option& option : command.options) AppendOption(option, out);
  for (const Note& note : command.notes) {
    AppendSection(note.title, out);
    AppendLine(note.text, out);
  }
  return out;
}

}  // namespace mayfly::cli
