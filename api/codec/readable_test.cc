#include "api/codec/readable.h"

#include <string>

#include "api/codec/rpc_status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using ::testing::HasSubstr;

[[nodiscard]] absl::Status ErrorOf(kj::Exception::Type type) {
  try {
    Readable("spec", [type]() -> int {
      kj::throwFatalException(
          kj::Exception(type, __FILE__, __LINE__, kj::heapString("why it was thrown")));
    });
  } catch (const kj::Exception& exception) {
    return FromException(exception);
  }
  return absl::OkStatus();
}

TEST(Readable, AnswersWhatWasRead) {
  EXPECT_EQ(Readable("spec", [] { return 3; }), 3);
}

TEST(Readable, WhatCannotBeReadIsTheClientsFault) {
  const absl::Status error = ErrorOf(kj::Exception::Type::FAILED);
  EXPECT_TRUE(absl::IsInvalidArgument(error)) << error;
  EXPECT_THAT(std::string(error.message()), HasSubstr("spec: it cannot be read: "));
}

TEST(Readable, AnotherReasonIsThrownOn) {
  const absl::Status gone = ErrorOf(kj::Exception::Type::DISCONNECTED);
  EXPECT_TRUE(absl::IsUnavailable(gone)) << gone;
  EXPECT_EQ(gone.message(), "why it was thrown");
}

}  // namespace
}  // namespace mayfly::api
