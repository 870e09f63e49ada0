#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/cli/disk_option.h"
#include "api/cli/label_option.h"
#include "api/cli/limit_option.h"
#include "api/cli/memory_option.h"
#include "api/cli/net_option.h"
#include "api/cli/output/format.h"
#include "base/clock.h"
#include "vmm/machine_config.h"

namespace mayfly::cli {

enum class TimelineReport { kNone, kTable, kDrawing };

// The words of `mayfly run`, understood.
struct RunOptions {
  bool help = false;  // asked for: the rest is meaningless
  std::string kernel;
  std::optional<std::string> initrd;
  std::string command_line;  // with the words behind "--"
  std::vector<DiskOption> disks;
  std::vector<NetOption> nets;
  unsigned cpus = 1;
  MemoryOption memory;
  LimitOption limit;
  // For a VM of a host service.
  std::optional<std::string> host;  // its socket
  bool needs_host = false;          // an option was given that nobody else could follow
  std::string name;                 // empty: none
  bool detach = false;
  Format output = Format::kText;  // of the name, where it is detached
  std::vector<LabelOption> labels;
  std::string cgroup_parent;  // empty: none was named
  Nanoseconds timeout{0};     // none
  vmm::BootProtocol boot_protocol = vmm::BootProtocol::kAuto;
  TimelineReport timeline = TimelineReport::kNone;
  std::string timeline_path;  // of the drawing
};

// Puts what the specification in a file says into the options.
using SpecReader = std::function<absl::Status(const std::string& path, RunOptions& options)>;

// `arguments`: what follows "run". Errors: InvalidArgument, one sentence; those of `read_spec`.
// Threading: getopt_long(3) keeps its state in globals: one thread.
[[nodiscard]] absl::StatusOr<RunOptions> ParseRunOptions(std::span<char* const> arguments,
                                                         const SpecReader& read_spec);

}  // namespace mayfly::cli
