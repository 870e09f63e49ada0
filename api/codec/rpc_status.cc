#include "api/codec/rpc_status.h"

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

constexpr std::string_view kSeparator = ": ";
// What Cap'n Proto puts before the text of an exception that came over the wire, once for each hop.
constexpr std::string_view kRemotePrefix = "remote exception: ";

[[nodiscard]] kj::Exception::Type TypeOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnimplemented:
      return kj::Exception::Type::UNIMPLEMENTED;
    case absl::StatusCode::kResourceExhausted:
      return kj::Exception::Type::OVERLOADED;
    default:
      return kj::Exception::Type::FAILED;
  }
}

[[nodiscard]] absl::StatusCode CodeOf(kj::Exception::Type type) {
  switch (type) {
    case kj::Exception::Type::DISCONNECTED:
      return absl::StatusCode::kUnavailable;
    case kj::Exception::Type::UNIMPLEMENTED:
      return absl::StatusCode::kUnimplemented;
    case kj::Exception::Type::OVERLOADED:
      return absl::StatusCode::kResourceExhausted;
    case kj::Exception::Type::FAILED:
      return absl::StatusCode::kInternal;
  }
  return absl::StatusCode::kInternal;
}

// The code whose name `text` begins with; `text` is then what follows.
[[nodiscard]] absl::StatusCode TakeCode(std::string_view& text, absl::StatusCode otherwise) {
  const size_t end = text.find(kSeparator);
  if (end == std::string_view::npos) return otherwise;
  const std::string_view name = text.substr(0, end);
  constexpr int kLastCode = static_cast<int>(absl::StatusCode::kUnauthenticated);
  for (int value = 1; value <= kLastCode; ++value) {
    const auto code = static_cast<absl::StatusCode>(value);
    if (name != absl::StatusCodeToString(code)) continue;
    text.remove_prefix(end + kSeparator.size());
    return code;
  }
  return otherwise;
}

}  // namespace

kj::Exception ToException(const absl::Status& status) {
  const std::string text =
      absl::StrCat(absl::StatusCodeToString(status.code()), ToAbsl(kSeparator), status.message());
  return {TypeOf(status.code()), __FILE__, __LINE__, kj::heapString(text.data(), text.size())};
}

absl::Status FromException(const kj::Exception& exception) {
  const kj::StringPtr description = exception.getDescription();
  std::string_view text(description.cStr(), description.size());
  while (text.starts_with(kRemotePrefix)) text.remove_prefix(kRemotePrefix.size());
  const absl::StatusCode code = TakeCode(text, CodeOf(exception.getType()));
  return {code, ToAbsl(text)};
}

}  // namespace mayfly::api
