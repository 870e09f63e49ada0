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
extern const Command kDoctorCommand;
extern const Command kManCommand;
extern const Command kRunCommand;
extern const Command kVersionCommand;

// Numbers of options: Option::id.
enum class MainOption : int { kVersion = 256 };

enum class RunOption : int {
  kBoot = 256,
  kCgroupParent,
  kCmdline,
  kCpus,
  kDisk,
  kFile,
  kInitrd,
  kKernel,
  kLimit,
  kMemory,
  kNet,
  kTimeline,
  kTimeout,
};

// The part of `command` with this name; nullptr where there is none.
[[nodiscard]] const Command* FindPart(const Command& command, std::string_view name);

}  // namespace mayfly::cli
