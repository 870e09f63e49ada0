#include "api/cli/memory_option.h"

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "api/cli/option_words.h"
#include "api/cli/units.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

constexpr std::string_view kOption = "--memory";

[[nodiscard]] absl::StatusOr<GuestMemory::Options> ParsePages(std::string_view value) {
  using Options = GuestMemory::Options;
  if (value == "small") return Options{};
  if (value == "transparent") return Options{.pages = GuestMemory::Pages::kTransparentHuge};
  if (value == "reserved") {
    return Options{.backing = GuestMemory::Backing::kMemfd, .pages = GuestMemory::Pages::kHugeTlb};
  }
  return BadOption(kOption, absl::StrCat("pages: \"", ToAbsl(value),
                                         "\" is none of small, transparent, reserved"));
}

}  // namespace

absl::Status ParseMemoryOption(std::string_view text, MemoryOption& memory) {
  const std::vector<std::string_view> words = SplitWords(text);
  const auto bytes = ParseSize(words.front());
  if (!bytes.ok()) return Annotate(bytes.status(), kOption);
  memory.bytes = *bytes;
  for (const std::string_view text_of_word : std::span(words).subspan(1)) {
    const OptionWord word = SplitWord(text_of_word);
    if (word.key != "pages" || !word.value) {
      return BadOption(kOption, absl::StrCat("\"", ToAbsl(text_of_word),
                                             "\" is not known; give pages=small, pages=transparent "
                                             "or pages=reserved"));
    }
    MAYFLY_ASSIGN_OR_RETURN(memory.options, ParsePages(*word.value));
  }
  return absl::OkStatus();
}

}  // namespace mayfly::cli
