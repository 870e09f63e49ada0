#pragma once

#include "images/init/options.h"

namespace mayfly::init {

// Mounts what everything else needs: /proc, /sys, /dev.
void MountKernelFileSystems();

// Mounts what programs expect: /dev/pts, /dev/shm, /run, /tmp, each where the kernel and the root
// have a place for it.
void MountScratchFileSystems();

// Makes the device of mayfly.root the root, taking /proc, /sys and /dev along. Has said why when it
// fails.
[[nodiscard]] bool SwitchRoot(const Options& options);

// Writes everything back and makes the root read-only, so that its file system is clean. Nothing
// may be running any more.
void SealRoot();

}  // namespace mayfly::init
