#include "images/init/modules.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

#include "images/init/console.h"
#include "images/init/files.h"

namespace mayfly::init {
namespace {

constexpr char kList[] = "/lib/mayfly/modules";

bool LoadModule(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  // glibc has no wrapper for finit_module(2).
  const long result = syscall(SYS_finit_module, file, "", 0);
  const int error = errno;
  close(file);
  errno = error;
  return result == 0 || error == EEXIST;
}

}  // namespace

void LoadModules() {
  const std::string list = ReadFile(kList);
  std::string_view rest = list;
  while (!rest.empty()) {
    const std::string path(rest.substr(0, rest.find('\n')));
    rest.remove_prefix(std::min(path.size() + 1, rest.size()));
    if (!path.empty() && !LoadModule(path)) SayError("cannot load the module " + path);
  }
}

}  // namespace mayfly::init
