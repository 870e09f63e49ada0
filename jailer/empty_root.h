#pragma once

namespace mayfly::jailer {

// Leaves the caller's mount namespace, which must be its own alone, with a single mount: an empty
// directory that nobody can write to, which becomes the root and the working directory. What was
// open stays open.
//
// Returns what could not be done, with errno set; nullptr where all could. Makes system calls and
// nothing else, so that a process that shares its memory with another (vfork) may call it. Needs
// CAP_SYS_ADMIN over the namespace.
[[nodiscard]] const char* MakeEmptyRoot();

}  // namespace mayfly::jailer
