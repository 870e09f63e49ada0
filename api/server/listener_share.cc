#include "api/server/listener_share.h"

#include "absl/strings/str_cat.h"

namespace mayfly::api {
namespace {

// How many are asked for one who comes, in the long run.
constexpr size_t kAskedForOne = 16;

}  // namespace

bool ListenerShare::IsTimeToLook() {
  if (taken_ * 2 < most_ || ++came_ * kAskedForOne < most_) return false;
  came_ = 0;
  return true;
}

absl::Status ListenerShare::Check() const {
  if (taken_ < most_) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("listener: ", whose_, " has ", taken_, ", which is as many as it may at once"));
}

}  // namespace mayfly::api
