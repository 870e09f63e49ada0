#pragma once

#include <sys/types.h>

#include <optional>

namespace mayfly::jailer {

// Gives up, for this process and whatever it executes, what a VMM has no use for: every capability,
// also those that a program of root's would get anew (the bounding set), and the right to leave
// files to others (umask). With `own_id` it becomes this user and this group, and a member of no
// other group, which takes capabilities.
//
// Returns what could not be done, with errno set; nullptr where all could. Makes system calls and
// nothing else, so that a process that shares its memory with another (vfork) may call it.
// Threading: for the calling thread, which is all that there is in such a process.
[[nodiscard]] const char* RenouncePrivileges(std::optional<uid_t> own_id);

// The same for more open files and larger files than any VM has, and for core dumps. What is open
// stays open, but no descriptor can get a number beyond the limit any more.
[[nodiscard]] const char* LimitResources();

}  // namespace mayfly::jailer
