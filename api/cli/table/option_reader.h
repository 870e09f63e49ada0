#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/cli/table/command.h"

namespace mayfly::cli {

// An option as it was given.
struct GivenOption {
  int id = 0;                   // Option::id
  const char* value = nullptr;  // none was given
};

// Reads the words of a command, by getopt_long(3): long options may be abbreviated, and stand
// behind the command's other words, where it has any.
//
// Threading: getopt_long(3) keeps its state in globals: one thread, one reader at a time.
class OptionReader final {
 public:
  // `arguments`: what follows the command's name. Both must outlive the reader.
  OptionReader(const Command& command, std::span<char* const> arguments);
  OptionReader(const OptionReader&) = delete;
  OptionReader& operator=(const OptionReader&) = delete;

  // The next option; nothing behind the last. Errors: InvalidArgument, one sentence.
  [[nodiscard]] absl::StatusOr<std::optional<GivenOption>> Next();

  // For after the last option.
  // The words that are none.
  [[nodiscard]] std::span<char* const> rest() const;
  // "--" stood before them.
  [[nodiscard]] bool separated() const { return separated_; }

 private:
  [[nodiscard]] absl::Status Unknown() const;
  [[nodiscard]] std::string_view WordAtFault() const;

  const Command& command_;
  std::vector<char*> words_;  // as getopt wants them: a program's name first, nullptr last
  int before_ = 1;            // optind before the last call
  int rest_ = 0;
  bool separated_ = false;
};

}  // namespace mayfly::cli
