#include "api/codec/file_arrivals.h"

#include <kj/vector.h>

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "api/codec/fd_file.h"
#include "api/codec/text.h"
#include "base/status.h"

namespace mayfly::api {

absl::Status BadField(const std::string& field, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

void EncodeFile(vmm::NamedFd file, rpc::NamedFile::Builder builder) {
  builder.setName(ToText(file.name));
  builder.setFile(kj::heap<FdFile>(std::move(file.fd)));
}

void FileArrivals::Expect(std::string field, rpc::File::Client file, OwnedFd& into) {
  arrivals_.push_back({.field = std::move(field), .file = kj::mv(file), .into = &into});
}

absl::Status FileArrivals::Expect(const std::string& field, rpc::NamedFile::Reader reader,
                                  vmm::NamedFd& into) {
  if (!reader.hasFile()) return BadField(field, "no file is given; send an open one");
  into.name = reader.hasName() ? FromText(reader.getName()) : field;
  Expect(field, reader.getFile(), into.fd);
  return absl::OkStatus();
}

kj::Promise<absl::Status> FileArrivals::Receive() {
  kj::Vector<kj::Promise<void>> receptions(arrivals_.size());
  for (Arrival& arrival : arrivals_) receptions.add(Receive(arrival));
  return kj::joinPromises(receptions.releaseAsArray()).then([this] { return error_; });
}

// The descriptor is duplicated: the capability closes its own.
kj::Promise<void> FileArrivals::Receive(Arrival& arrival) {
  return arrival.file.getFd().then(
      [this, &arrival](kj::Maybe<int> fd) {
        if (!error_.ok()) return;
        KJ_IF_MAYBE (number, fd) {
          absl::StatusOr<OwnedFd> copy = OwnedFd::Duplicate(*number);
          if (copy.ok()) {
            *arrival.into = *std::move(copy);
          } else {
            error_ = Annotate(copy.status(), arrival.field);
          }
        } else {
          error_ = BadField(arrival.field, "the capability carries no file descriptor");
        }
      },
      [this, &arrival](kj::Exception&&) {
        error_.Update(BadField(arrival.field, "the capability is broken, or none"));
      });
}

}  // namespace mayfly::api
