#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/owned_fd.h"

namespace mayfly::cli {

// The files that a command makes for a VM. With this object they go again, unless they are to be
// kept: where the VM never began, nobody has a use for them.
class MadeFiles final {
 public:
  MadeFiles() = default;
  MadeFiles(const MadeFiles&) = delete;
  MadeFiles& operator=(const MadeFiles&) = delete;
  ~MadeFiles() { Remove(); }

  // A new, empty file, open for what `access` says (O_RDWR, O_WRONLY). Invalid where there is
  // something by that name, or it cannot be made: opening it will say why.
  [[nodiscard]] OwnedFd Make(const std::string& path, int access, mode_t mode);
  void Keep() { files_.clear(); }
  // All but those that somebody else has locked meanwhile (base/file_io.h): they are in use.
  void Remove();

 private:
  struct File {
    std::string path;
    OwnedFd fd;
  };
  std::vector<File> files_;
};

}  // namespace mayfly::cli
