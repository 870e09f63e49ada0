#include "api/codec/readable.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "api/codec/file_arrivals.h"
#include "api/codec/rpc_status.h"

namespace mayfly::api {

kj::Exception Unreadable(const char* field, const kj::Exception& thrown) {
  return ToException(
      BadField(field, absl::StrCat("it cannot be read: ", FromException(thrown).message())));
}

}  // namespace mayfly::api
