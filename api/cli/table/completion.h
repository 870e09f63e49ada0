#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/cli/table/command.h"

namespace mayfly::cli {

// What a word can go on with.
struct Candidate {
  enum class What {
    kWord,      // `text` is the whole word
    kPart,      // `text` begins it: no blank behind
    kFiles,     // names of files, each behind `text`
    kMachines,  // names of VMs, each behind `text`
  };
  What what = What::kWord;
  std::string text;
  std::string help = {};
  std::optional<std::string> host = {};  // of kMachines: what --host says, where it is there
};

// `words`: those behind `mayfly`, up to the one that the cursor is in, which may be empty.
[[nodiscard]] std::vector<Candidate> Complete(const Command& program,
                                              std::span<const std::string_view> words);

// As the scripts below read them: lines of kind, text and help, with tabs in between.
[[nodiscard]] std::string FormatCandidates(std::span<const Candidate> candidates);

// For bash, zsh or fish; empty for another.
[[nodiscard]] std::string_view CompletionScript(std::string_view shell);

}  // namespace mayfly::cli
