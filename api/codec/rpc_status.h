#pragma once

#include <kj/exception.h>

#include "absl/status/status.h"

namespace mayfly::api {

// The edge between absl::Status, which is ours, and the exceptions of Cap'n Proto's RPC, which
// carry a coarse type and a text: the status code travels in front of the text by its name
// ("INVALID_ARGUMENT: cpus: ..."), where a client in any language can read it.

// `status` is not OK.
[[nodiscard]] kj::Exception ToException(const absl::Status& status);

// The status that ToException() was given on the other side, its message as clean as it was there.
// Others: Unavailable where the connection is gone, Unimplemented for a call that the other side
// does not know, otherwise Internal.
[[nodiscard]] absl::Status FromException(const kj::Exception& exception);

}  // namespace mayfly::api
