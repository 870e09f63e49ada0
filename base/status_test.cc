#include "base/status.h"

#include "gtest/gtest.h"

namespace mayfly {
namespace {

absl::StatusOr<int> Half(int number) {
  if (number % 2 != 0) return absl::InvalidArgumentError("odd");
  return number / 2;
}

absl::StatusOr<int> Quarter(int number) {
  MAYFLY_ASSIGN_OR_RETURN(const int half, Half(number));
  return Half(half);
}

absl::Status CheckEven(int number) {
  MAYFLY_RETURN_IF_ERROR(Half(number).status());
  return absl::OkStatus();
}

TEST(Status, MacrosPassValuesAndErrors) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(6).status().message(), "odd");
  EXPECT_TRUE(CheckEven(2).ok());
  EXPECT_FALSE(CheckEven(1).ok());
}

TEST(Status, ErrnoNamesTheAttemptAndTheCause) {
  const absl::Status status = ErrnoStatus("opening the door", ENOENT);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "opening the door: No such file or directory");
}

TEST(Status, AnnotateKeepsTheCode) {
  EXPECT_TRUE(Annotate(absl::OkStatus(), "context").ok());
  const absl::Status status = Annotate(absl::OutOfRangeError("too far"), "walking");
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(status.message(), "walking: too far");
}

}  // namespace
}  // namespace mayfly
