#pragma once

#include <kj/async.h>

#include <deque>
#include <string>

#include "absl/status/status.h"
#include "api/mayfly.capnp.h"
#include "base/owned_fd.h"
#include "vmm/named_fd.h"

namespace mayfly::api {

// InvalidArgument: "<field>: <what>".
[[nodiscard]] absl::Status BadField(const std::string& field, const std::string& what);

// The descriptor becomes the capability's.
void EncodeFile(vmm::NamedFd file, rpc::NamedFile::Builder builder);

// File capabilities on their way to becoming descriptors of our own.
//
// Threading: the thread of the connection.
class FileArrivals final {
 public:
  FileArrivals() = default;
  KJ_DISALLOW_COPY(FileArrivals);

  // `file` is to become `into`, which stays in place until Receive() is done; `field` is for
  // errors.
  void Expect(std::string field, rpc::File::Client file, OwnedFd& into);
  // The same for a file with a name. Errors: InvalidArgument where none is given.
  [[nodiscard]] absl::Status Expect(const std::string& field, rpc::NamedFile::Reader reader,
                                    vmm::NamedFd& into);
  // Fulfilled when all have come, with the first error: InvalidArgument for a capability that is no
  // open file, others of dup(2). Once; this must live until then.
  [[nodiscard]] kj::Promise<absl::Status> Receive();

 private:
  struct Arrival {
    std::string field;
    rpc::File::Client file;
    OwnedFd* into;
  };

  [[nodiscard]] kj::Promise<void> Receive(Arrival& arrival);

  std::deque<Arrival> arrivals_;
  absl::Status error_;
};

}  // namespace mayfly::api
