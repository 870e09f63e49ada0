#pragma once

namespace mayfly::jailer {

// Makes keys, as the user that this process is of, until that user may have no more: session
// keyrings of its own, for one. They go with the process, and what it executes. False where that
// does not come about, as for root. A system call for each key, some hundred in all.
[[nodiscard]] bool UseUpKeys();

}  // namespace mayfly::jailer
