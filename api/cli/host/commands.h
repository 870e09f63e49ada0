#pragma once

#include <span>

namespace mayfly::cli {

// The commands that ask a host service. Each answers the exit code.
[[nodiscard]] int EventsCommand(std::span<char* const> arguments);
[[nodiscard]] int InspectCommand(std::span<char* const> arguments);
[[nodiscard]] int KillCommand(std::span<char* const> arguments);
[[nodiscard]] int PauseCommand(std::span<char* const> arguments);
[[nodiscard]] int PsCommand(std::span<char* const> arguments);
[[nodiscard]] int ResumeCommand(std::span<char* const> arguments);
[[nodiscard]] int RmCommand(std::span<char* const> arguments);
[[nodiscard]] int StatsCommand(std::span<char* const> arguments);
[[nodiscard]] int StopCommand(std::span<char* const> arguments);
[[nodiscard]] int TopCommand(std::span<char* const> arguments);
[[nodiscard]] int UpdateCommand(std::span<char* const> arguments);
[[nodiscard]] int WaitCommand(std::span<char* const> arguments);

}  // namespace mayfly::cli
