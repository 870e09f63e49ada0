#pragma once

namespace mayfly::virtio {

// What a guest may do with a disk, and whoever opens a file with that file.
enum class BlockAccess { kReadOnly, kReadWrite };

// How a disk's file is read and written.
enum class DiskEngine {
  kAuto,   // kUring where the host lets us have it, otherwise kSync
  kUring,  // io_uring: UringDisk; an error where the host does not let us
  kSync,   // in the call, on the io thread: RawDisk
};

// What stands between a disk's bytes and its file.
enum class DiskCaching {
  kHostCache,  // the host's page cache
  kDirect,     // nothing (O_DIRECT)
};

}  // namespace mayfly::virtio
