#include "images/init/options.h"

#include <cstddef>
#include <optional>

namespace mayfly::init {
namespace {

constexpr std::string_view kPrefix = "mayfly.";
constexpr std::string_view kEndOfOptions = "--";
constexpr std::size_t kEscapeSize = 4;  // of \xHH

bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::optional<unsigned> HexDigit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

// The byte that `text` begins with as \xHH. Nothing when it begins otherwise.
std::optional<char> EscapedByte(std::string_view text) {
  if (text.size() < kEscapeSize || text[0] != '\\' || text[1] != 'x') return std::nullopt;
  const std::optional<unsigned> high = HexDigit(text[2]);
  const std::optional<unsigned> low = HexDigit(text[3]);
  if (!high || !low) return std::nullopt;
  return static_cast<char>(*high << 4 | *low);
}

// Takes the next word off the front of `line`, and says what it means. Nothing when only blanks are
// left.
std::optional<std::string> NextWord(std::string_view& line) {
  while (!line.empty() && IsBlank(line.front())) line.remove_prefix(1);
  if (line.empty()) return std::nullopt;
  std::string word;
  bool quoted = false;
  while (!line.empty() && (quoted || !IsBlank(line.front()))) {
    std::size_t taken = 1;
    if (const std::optional<char> byte = EscapedByte(line)) {
      word += *byte;
      taken = kEscapeSize;
    } else if (line.front() == '"') {
      quoted = !quoted;
    } else {
      word += line.front();
    }
    line.remove_prefix(taken);
  }
  return word;
}

// Takes what stands before the next comma off the front of `list`.
std::string_view NextItem(std::string_view& list) {
  const std::size_t comma = list.find(',');
  const std::string_view item = list.substr(0, comma);
  list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  return item;
}

void ParseRoot(std::string_view value, Options& options) {
  options.root_device = NextItem(value);
  while (!value.empty()) {
    const std::string_view item = NextItem(value);
    if (item == "ro") {
      options.root_read_only = true;
    } else if (item != "rw") {
      options.root_type = item;
    }
  }
}

void ParseOption(std::string_view option, Options& options) {
  const std::size_t equals = option.find('=');
  const std::string_view name = option.substr(0, equals);
  const std::string_view value =
      equals == std::string_view::npos ? std::string_view() : option.substr(equals + 1);
  const auto complain = [&](std::string_view why) {
    options.complaints.push_back("kernel command line: '" + std::string(option) + "' " +
                                 std::string(why));
  };

  if (name == "mayfly.root") {
    ParseRoot(value, options);
    if (options.root_device.empty()) complain("names no device: mayfly.root=DEVICE[,FSTYPE][,ro]");
  } else if (name == "mayfly.cwd") {
    options.working_directory = value;
    if (value.empty()) complain("names no folder: mayfly.cwd=FOLDER");
  } else if (name == "mayfly.env") {
    if (value.find('=') == std::string_view::npos || value.front() == '=') {
      complain("is no variable: mayfly.env=NAME=VALUE");
    } else {
      options.environment.emplace_back(value);
    }
  } else {
    complain("is not known: there are mayfly.root, mayfly.cwd and mayfly.env");
  }
}

}  // namespace

Options ParseCommandLine(std::string_view command_line) {
  Options options;
  bool in_command = false;
  while (const std::optional<std::string> word = NextWord(command_line)) {
    if (in_command) {
      options.command.push_back(*word);
    } else if (*word == kEndOfOptions) {
      in_command = true;
    } else if (word->starts_with(kPrefix)) {
      ParseOption(*word, options);
    }
  }
  return options;
}

}  // namespace mayfly::init
