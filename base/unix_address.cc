#include "base/unix_address.h"

#include "absl/strings/str_cat.h"

namespace mayfly {

absl::StatusOr<UnixAddress> UnixAddress::At(const std::string& path) {
  UnixAddress result;
  // With a zero at its end, and none within it.
  const size_t room = sizeof(result.address_.sun_path) - 1;
  if (path.empty() || path.size() > room || path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("\"", path,
                                                   "\" cannot be the path of a Unix socket, which "
                                                   "has 1 to ",
                                                   room, " bytes"));
  }
  result.address_.sun_family = AF_UNIX;
  path.copy(result.address_.sun_path, room);
  return result;
}

}  // namespace mayfly
