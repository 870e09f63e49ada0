#pragma once

#include <string>

#include "base/owned_fd.h"

namespace mayfly::vmm {

// An open file and what its owner called it; the name is for messages only.
struct NamedFd {
  OwnedFd fd;
  std::string name;
};

}  // namespace mayfly::vmm
