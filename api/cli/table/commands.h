#pragma once

#include "api/cli/table/command.h"

namespace mayfly::cli {

// `mayfly` itself; its parts are the commands.
extern const Command kMayflyCommand;

extern const Command kCompletionCommand;
extern const Command kDiskCommand;
extern const Command kDiskInfoCommand;
extern const Command kDiskFlattenCommand;
extern const Command kDiskCommitCommand;
extern const Command kDiskRebaseCommand;
extern const Command kConsoleCommand;
extern const Command kDoctorCommand;
extern const Command kEventsCommand;
extern const Command kInspectCommand;
extern const Command kKillCommand;
extern const Command kManCommand;
extern const Command kPauseCommand;
extern const Command kPsCommand;
extern const Command kResumeCommand;
extern const Command kRmCommand;
extern const Command kRunCommand;
extern const Command kStatsCommand;
extern const Command kStopCommand;
extern const Command kTopCommand;
extern const Command kUpdateCommand;
extern const Command kVersionCommand;
extern const Command kWaitCommand;

// Numbers of options: Option::id.
enum class MainOption : int { kVersion = 256 };

enum class RunOption : int {
  kBoot = 256,
  kCgroupParent,
  kCmdline,
  kCpus,
  kDetach,
  kDisk,
  kFile,
  kInitrd,
  kKernel,
  kLabel,
  kLimit,
  kMemory,
  kName,
  kNet,
  kTimeline,
  kTimeout,
  kOnHost = kHostOption,
  kFormat = kOutputOption,
};

enum class InspectOption : int { kFormat = 256 };

enum class PsOption : int { kAll = 256, kLabel, kQuiet };

enum class EventsOption : int { kCount = 256, kSince };

enum class StopOption : int { kWithin = 256 };

enum class TopOption : int { kCount = 256, kEvery };

enum class UpdateOption : int { kDisk = 256, kNet, kResize };

// The part of `command` with this name; nullptr where there is none.
[[nodiscard]] const Command* FindPart(const Command& command, std::string_view name);

}  // namespace mayfly::cli
