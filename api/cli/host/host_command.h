#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/cli/host/host_client.h"
#include "api/cli/output/format.h"
#include "api/cli/table/command_line.h"

namespace mayfly::cli {

// A command that asks a host service: its words, --host and --output among them, and the service.
class HostCommand final {
 public:
  HostCommand(const Command& command, std::span<char* const> arguments)
      : line_(command, std::string(command.name), arguments) {}

  // Reads the words; `apply` has the options that not all such commands have. Answers as
  // CommandLine::Read().
  [[nodiscard]] std::optional<int> Read(const CommandLine::Apply& apply = NoOthers);
  [[nodiscard]] absl::StatusOr<kj::Own<HostClient>> Connect() const {
    return HostClient::Connect(ChooseHost(host_));
  }
  [[nodiscard]] CommandLine& line() { return line_; }
  [[nodiscard]] Format format() const { return format_; }

  // The command's exit code: Fail() of an error.
  [[nodiscard]] int Finish(const absl::Status& status) const;

 private:
  [[nodiscard]] static absl::Status NoOthers(int id, std::string_view value);

  CommandLine line_;
  std::optional<std::string> host_;
  Format format_ = Format::kText;
};

}  // namespace mayfly::cli
