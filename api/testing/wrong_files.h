#pragma once

#include <functional>
#include <vector>

#include "api/mayfly.capnp.h"
#include "base/owned_fd.h"

namespace mayfly::api::testing {

// What a client may send for a file, and is none of what it should be.
struct WrongFile {
  const char* what;  // for messages
  std::function<rpc::File::Client()> make;
};
[[nodiscard]] std::vector<WrongFile> WrongFiles();

// A place in a specification for one of them.
struct FilePlace {
  // What an error says of it, in small letters: its field, or the name that it has been given.
  const char* field;
  const char* name;
  std::function<void(rpc::MachineSpec::Builder, rpc::File::Client)> put;
};
[[nodiscard]] std::vector<FilePlace> FilePlaces();

// An image that a disk can have, opened with these flags of open(2).
[[nodiscard]] OwnedFd OpenSmallDisk(int flags);

}  // namespace mayfly::api::testing
