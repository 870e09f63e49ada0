#include "jailer/empty_root.h"

#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mayfly::jailer {

const char* MakeEmptyRoot() {
  // Otherwise what is unmounted here would be unmounted for those that the namespace was copied
  // from, too.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return "cutting the mounts off from the host's";
  }
  // Over the old root, which is there everywhere: no directory of the host is needed for it. One
  // inode: the directory itself.
  constexpr unsigned long kFlags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (::mount("none", "/", "tmpfs", kFlags, "mode=0555,nr_inodes=1,size=4k") != 0) {
    return "mounting an empty directory";
  }
  // "/" is what lies beneath it; looking for the parent of the root ends on top.
  if (::chdir("/..") != 0) return "entering the empty directory";
  // With both in one place the old root comes to lie on top, from where it goes (pivot_root(2)).
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return "making the empty directory the root";
  if (::umount2(".", MNT_DETACH) != 0) return "unmounting the host's files";
  if (::chdir("/") != 0) return "entering the empty root";
  return nullptr;
}

}  // namespace mayfly::jailer
