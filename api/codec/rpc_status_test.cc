#include "api/codec/rpc_status.h"

#include <string>

#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

kj::Exception Thrown(kj::Exception::Type type, const char* text) {
  return {type, "file.c++", 123, kj::heapString(text)};
}

TEST(RpcStatus, ComesBackAsItWent) {
  for (const auto code : {absl::StatusCode::kInvalidArgument, absl::StatusCode::kOutOfRange,
                          absl::StatusCode::kFailedPrecondition,
                          absl::StatusCode::kResourceExhausted, absl::StatusCode::kUnimplemented,
                          absl::StatusCode::kInternal, absl::StatusCode::kUnauthenticated}) {
    const absl::Status status(code, "kernel: vmlinux: it ends at byte 7: get a whole one");
    EXPECT_EQ(FromException(ToException(status)), status);
  }
}

TEST(RpcStatus, TheKindIsReadableOnTheWire) {
  const kj::Exception exception = ToException(absl::InvalidArgumentError("cpus: none"));
  EXPECT_STREQ(exception.getDescription().cStr(), "INVALID_ARGUMENT: cpus: none");
}

TEST(RpcStatus, PrefixesOfTheWireAreTakenOff) {
  const absl::Status status =
      FromException(Thrown(kj::Exception::Type::FAILED,
                           "remote exception: remote exception: OUT_OF_RANGE: memory: too much"));
  EXPECT_EQ(status, absl::OutOfRangeError("memory: too much"));
}

TEST(RpcStatus, OthersExceptionsKeepTheirTextAndGetAKind) {
  EXPECT_EQ(FromException(Thrown(kj::Exception::Type::DISCONNECTED, "Peer disconnected.")),
            absl::UnavailableError("Peer disconnected."));
  EXPECT_EQ(FromException(Thrown(kj::Exception::Type::UNIMPLEMENTED, "no such method")),
            absl::UnimplementedError("no such method"));
  EXPECT_EQ(FromException(Thrown(kj::Exception::Type::OVERLOADED, "too many")),
            absl::ResourceExhaustedError("too many"));
  EXPECT_EQ(FromException(Thrown(kj::Exception::Type::FAILED, "no colon")),
            absl::InternalError("no colon"));
  EXPECT_EQ(FromException(Thrown(kj::Exception::Type::FAILED, "expected: a == b")),
            absl::InternalError("expected: a == b"));
  EXPECT_EQ(FromException(Thrown(kj::Exception::Type::FAILED, "")), absl::InternalError(""));
}

TEST(RpcStatus, OkIsNoKindOfError) {
  EXPECT_EQ(FromException(Thrown(kj::Exception::Type::FAILED, "OK: really")),
            absl::InternalError("OK: really"));
}

}  // namespace
}  // namespace mayfly::api
