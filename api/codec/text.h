#pragma once

#include <capnp/blob.h>
#include <kj/string.h>

#include <string>

namespace mayfly::api {

// Strings across the border. `text` must live as long as the result is used.
[[nodiscard]] inline kj::StringPtr ToText(const std::string& text) {
  return {text.c_str(), text.size()};
}
[[nodiscard]] inline std::string FromText(capnp::Text::Reader text) {
  return {text.cStr(), text.size()};
}

}  // namespace mayfly::api
