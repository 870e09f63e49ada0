#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mayfly::init {

// What the kernel's command line asks of mayfly-init. All is optional:
//   mayfly.root=DEVICE[,FSTYPE][,ro]  becomes the root; FSTYPE is found out when not given
//   mayfly.cwd=FOLDER                 the command's working directory
//   mayfly.env=NAME=VALUE             in the command's environment; may come several times
//   -- COMMAND ARGUMENT...            what to run
struct Options final {
  std::string root_device;
  std::string root_type;  // empty: try what the kernel knows
  bool root_read_only = false;
  std::string working_directory;
  std::vector<std::string> environment;  // NAME=VALUE
  std::vector<std::string> command;

  // One sentence for each mayfly.* option that was not understood.
  std::vector<std::string> complaints;
};

// Reads a kernel command line, as /proc/cmdline has it. Words are told apart as the kernel does it:
// by blanks, except within double quotes, which are taken away. The kernel knows no way to write a
// double quote itself, so we add one: \x22, and so \x5c for a backslash, \x0a for a newline, \xHH
// for any byte. A backslash before anything else stands for itself.
//
// The kernel hands init the words after "--" as well, but before them those that it did not know
// itself, which is why main()'s arguments are no good as a command.
[[nodiscard]] Options ParseCommandLine(std::string_view command_line);

}  // namespace mayfly::init
