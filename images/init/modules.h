#pragma once

namespace mayfly::init {

// Loads the kernel modules that /lib/mayfly/modules names, a path a line, in that order. No such
// file: nothing to do. A module that does not load is spoken of, and the rest tried all the same.
void LoadModules();

}  // namespace mayfly::init
