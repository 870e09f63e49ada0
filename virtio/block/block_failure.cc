#include "virtio/block/block_failure.h"

#include <cerrno>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::virtio {
namespace {

std::string_view OperationName(BlockOperation operation) {
  switch (operation) {
    case BlockOperation::kRead:
      return "reading";
    case BlockOperation::kWrite:
      return "writing";
    case BlockOperation::kFlush:
      return "flushing";
    case BlockOperation::kDiscard:
      return "discarding";
    case BlockOperation::kWriteZeroes:
      return "zeroing";
  }
  return "using";
}

std::string_view Remedy(int error) {
  switch (error) {
    case ENOSPC:
      return "make room on the host's file system";
    case EDQUOT:
      return "raise the overlay's cap, or the quota on the host's file system";
    case EFBIG:
      return "raise the file size limit of the process";
    default:
      return "check the host's storage";
  }
}

}  // namespace

std::string DescribeFailure(const BlockRequest& request, int error) {
  const absl::Status status =
      ErrnoStatus(absl::StrCat(ToAbsl(OperationName(request.operation)), " ", request.length,
                               " bytes at offset ", request.offset),
                  error);
  return absl::StrCat(status.message(), ": the guest got an I/O error; ", ToAbsl(Remedy(error)));
}

}  // namespace mayfly::virtio
