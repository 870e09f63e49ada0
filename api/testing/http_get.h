#pragma once

#include <string>

namespace mayfly::api::testing {

// The whole answer to a GET of `url`, "http://127.0.0.1:PORT/PATH"; empty where nobody listens.
[[nodiscard]] std::string HttpGet(const std::string& url);

}  // namespace mayfly::api::testing
