#include "images/init/file_systems.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "images/init/console.h"
#include "images/init/superblock.h"

namespace mayfly::init {
namespace {

struct FileSystem final {
  const char* type;
  const char* target;
  unsigned long flags;
  const char* data;
};

constexpr unsigned long kNoPrograms = MS_NOSUID | MS_NODEV | MS_NOEXEC;
constexpr mode_t kFolderMode = 0755;

constexpr FileSystem kKernelFileSystems[] = {
    {"proc", "/proc", kNoPrograms, nullptr},
    {"sysfs", "/sys", kNoPrograms, nullptr},
    {"devtmpfs", "/dev", MS_NOSUID, "mode=0755"},
};

constexpr FileSystem kScratchFileSystems[] = {
    {"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666"},
    {"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777"},
    {"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755"},
    {"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777"},
};

// What programs expect in /dev and no driver makes.
struct Link final {
  const char* path;
  const char* target;
};

constexpr Link kLinks[] = {
    {"/dev/fd", "/proc/self/fd"},
    {"/dev/stdin", "/proc/self/fd/0"},
    {"/dev/stdout", "/proc/self/fd/1"},
    {"/dev/stderr", "/proc/self/fd/2"},
};

constexpr char kNewRoot[] = "/newroot";

// A driver may find its disks after we have started.
constexpr std::chrono::milliseconds kDevicePoll{10};
constexpr int kDevicePolls = 500;

bool Mount(const FileSystem& fs) {
  mkdir(fs.target, kFolderMode);  // where it fails, because it is there or the root is read-only,
                                  // mount() knows best
  return mount(fs.type, fs.target, fs.type, fs.flags, fs.data) == 0;
}

bool WaitForDevice(const std::string& device) {
  for (int poll = 0; access(device.c_str(), F_OK) != 0; ++poll) {
    if (poll == kDevicePolls) return false;
    std::this_thread::sleep_for(kDevicePoll);
  }
  return true;
}

// What must be known of the device before it is mounted.
struct Device final {
  std::string type;  // empty: not known
  bool read_only = false;
};

Device Examine(const std::string& path) {
  Device device;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return device;
  int read_only = 0;
  device.read_only = ioctl(file, BLKROGET, &read_only) == 0 && read_only != 0;
  std::vector<std::uint8_t> beginning(kSuperblockReach);
  const ssize_t got = pread(file, beginning.data(), beginning.size(), 0);
  beginning.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  device.type = FileSystemType(beginning);
  close(file);
  return device;
}

}  // namespace

void MountKernelFileSystems() {
  for (const FileSystem& fs : kKernelFileSystems) {
    // The kernel itself may have mounted /dev (CONFIG_DEVTMPFS_MOUNT).
    if (!Mount(fs) && errno != EBUSY) SayError("cannot mount " + std::string(fs.target));
  }
  for (const Link& link : kLinks) {
    if (symlink(link.target, link.path) != 0) SayError("cannot make " + std::string(link.path));
  }
}

void MountScratchFileSystems() {
  for (const FileSystem& fs : kScratchFileSystems) {
    if (!Mount(fs) && errno != ENODEV && errno != ENOENT) {
      SayError("cannot mount " + std::string(fs.target));
    }
  }
}

bool SwitchRoot(const Options& options) {
  const std::string& device = options.root_device;
  const std::string what = "mayfly.root: cannot mount " + device;
  if (!WaitForDevice(device)) {
    Say(what + ": there is no such device. Is the disk given, and its driver loaded?");
    return false;
  }
  const Device examined = Examine(device);
  const std::string type = options.root_type.empty() ? examined.type : options.root_type;
  if (type.empty()) {
    Say(what + ": its file system is not known. Name it: mayfly.root=" + device + ",FSTYPE");
    return false;
  }
  mkdir(kNewRoot, kFolderMode);
  const unsigned long flags = options.root_read_only || examined.read_only ? MS_RDONLY : 0;
  if (mount(device.c_str(), kNewRoot, type.c_str(), flags, nullptr) != 0) {
    SayError(what + " as " + type);
    return false;
  }
  for (const FileSystem& fs : kKernelFileSystems) {
    const std::string target = std::string(kNewRoot) + fs.target;
    if (mount(fs.target, target.c_str(), nullptr, MS_MOVE, nullptr) != 0) {
      SayError("mayfly.root: cannot move " + std::string(fs.target) + " into " + device);
      return false;
    }
  }
  // The initramfs cannot be unmounted: the new root is laid over it (see util-linux'
  // switch_root(8)).
  if (chdir(kNewRoot) != 0 || mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || chroot(".") != 0 ||
      chdir("/") != 0) {
    SayError("mayfly.root: cannot make " + device + " the root");
    return false;
  }
  return true;
}

void SealRoot() {
  sync();
  mount(nullptr, "/", nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
}

}  // namespace mayfly::init
