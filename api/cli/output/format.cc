#include "api/cli/output/format.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::cli {

absl::Status ParseFormat(std::string_view text, Format& format) {
  if (text == "json") {
    format = Format::kJson;
  } else if (text == "text") {
    format = Format::kText;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("--output: \"", ToAbsl(text), "\" is none of text, json"));
  }
  return absl::OkStatus();
}

std::optional<int> ReadFormat(CommandLine& line, Format& format) {
  return line.Read([&](int, std::string_view value) { return ParseFormat(value, format); });
}

}  // namespace mayfly::cli
