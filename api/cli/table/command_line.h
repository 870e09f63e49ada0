#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "api/cli/table/command.h"

namespace mayfly::cli {

// The words of one command, as its table has them: reads them, and answers --help and mistakes by
// itself.
class CommandLine final {
 public:
  // `path`: what the command is called behind "mayfly", such as "disk info". All must outlive this.
  CommandLine(const Command& command, std::string path, std::span<char* const> arguments)
      : command_(command), path_(std::move(path)), arguments_(arguments) {}

  // Puts one option where it belongs. Errors: InvalidArgument, one sentence.
  using Apply = std::function<absl::Status(int id, std::string_view value)>;

  // Answers the command's exit code where nothing is left to do: after --help or a mistake.
  [[nodiscard]] std::optional<int> Read(const Apply& apply);
  // For a command with no option but --help.
  [[nodiscard]] std::optional<int> Read();
  // The words that are no options; as many as the command takes.
  [[nodiscard]] const std::vector<std::string>& operands() const { return operands_; }

  // Says a mistake in the words, and where help is; answers the exit code.
  [[nodiscard]] int Usage(absl::string_view sentence) const;
  // What went wrong where the words were right; answers its exit code.
  [[nodiscard]] int Fail(const absl::Status& error) const;

 private:
  [[nodiscard]] absl::Status CheckOperands() const;

  const Command& command_;
  std::string path_;
  std::span<char* const> arguments_;
  std::vector<std::string> operands_;
};

}  // namespace mayfly::cli
