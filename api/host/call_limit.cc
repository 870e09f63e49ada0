#include "api/host/call_limit.h"

#include "absl/strings/str_cat.h"

namespace mayfly::api {

absl::Status CallLimit::Exceeded() const {
  return absl::ResourceExhaustedError(
      absl::StrCat("calls: this connection has ", *now_,
                   " in progress, which is as many as it may; await some, or open another"));
}

}  // namespace mayfly::api
