#include "api/codec/utf8.h"

#include <kj/encoding.h>

namespace mayfly::api {
namespace {

// Half a character of UTF-16, which is none in UTF-8; KJ flags them, and leaves them as they are.
constexpr char32_t kFirstSurrogate = 0xd800;
constexpr char32_t kLastSurrogate = 0xdfff;
constexpr char32_t kReplacement = 0xfffd;

[[nodiscard]] kj::EncodingResult<kj::Array<char32_t>> Decode(std::string_view text) {
  return kj::encodeUtf32(kj::arrayPtr(text.data(), text.size()));
}

}  // namespace

bool IsUtf8(std::string_view text) { return !Decode(text).hadErrors; }

std::string ValidUtf8(std::string_view text) {
  auto decoded = Decode(text);
  if (!decoded.hadErrors) return std::string(text);
  for (char32_t& character : decoded) {
    if (character >= kFirstSurrogate && character <= kLastSurrogate) character = kReplacement;
  }
  const kj::String valid = kj::decodeUtf32(decoded);
  return {valid.cStr(), valid.size()};
}

}  // namespace mayfly::api
