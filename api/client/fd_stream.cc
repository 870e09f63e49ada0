#include "api/client/fd_stream.h"

#include <kj/io.h>

namespace mayfly::api {

kj::Promise<void> FdStream::write(WriteContext context) {
  const auto bytes = context.getParams().getBytes();
  kj::FdOutputStream(fd_).write(bytes.begin(), bytes.size());
  return kj::READY_NOW;
}

kj::Promise<void> FdStream::end(EndContext /*context*/) { return kj::READY_NOW; }

}  // namespace mayfly::api
