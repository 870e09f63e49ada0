#include "api/cli/escape_filter.h"

namespace mayfly::cli {

EscapeFilter::Verdict EscapeFilter::Filter(std::span<const std::byte> keys,
                                           std::vector<std::byte>& out) {
  for (const std::byte key : keys) {
    if (!escaped_) {
      escaped_ = key == kEscape;
      if (!escaped_) out.push_back(key);
      continue;
    }
    escaped_ = false;
    if (key == kQuit) return Verdict::kQuit;
    out.push_back(kEscape);
    if (key != kEscape) out.push_back(key);
  }
  return Verdict::kGoOn;
}

}  // namespace mayfly::cli
