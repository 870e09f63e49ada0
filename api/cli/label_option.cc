#include "api/cli/label_option.h"

#include "absl/strings/str_cat.h"
#include "api/cli/option_words.h"
#include "base/status.h"

namespace mayfly::cli {

absl::StatusOr<LabelOption> ParseLabelOption(std::string_view text) {
  const OptionWord word = SplitWord(text);
  if (!word.value || word.key.empty()) {
    return BadOption("--label",
                     absl::StrCat("\"", ToAbsl(text), "\" is no NAME=VALUE, such as team=blue"));
  }
  return LabelOption{std::string(word.key), std::string(*word.value)};
}

}  // namespace mayfly::cli
