#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace mayfly::cli {

// Finds the user's way out among the keys meant for the guest: Ctrl-] and then q. Ctrl-] twice is
// one for the guest; before any other key it is passed on with it.
class EscapeFilter final {
 public:
  static constexpr std::byte kEscape{0x1d};  // Ctrl-]
  static constexpr std::byte kQuit{'q'};

  enum class Verdict { kGoOn, kQuit };

  // Appends to `out` what is for the guest. After kQuit the rest of `keys` is dropped.
  [[nodiscard]] Verdict Filter(std::span<const std::byte> keys, std::vector<std::byte>& out);

 private:
  bool escaped_ = false;
};

}  // namespace mayfly::cli
