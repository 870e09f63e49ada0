#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

// The part of std::format that a tiny guest needs: {} for text, characters, booleans, integers and
// pointers, {:x} for an integer in hexadecimal. Placeholders are counted when the program is
// compiled.

namespace mayfly::guest {

// One value to print, its type erased.
class FormatArgument final {
 public:
  FormatArgument(std::string_view text) : kind_(Kind::kText), text_(text) {}
  FormatArgument(const char* text) : FormatArgument(std::string_view(text)) {}
  FormatArgument(char character)
      : kind_(Kind::kCharacter), number_(static_cast<uint8_t>(character)) {}
  FormatArgument(bool value) : FormatArgument(std::string_view(value ? "true" : "false")) {}
  FormatArgument(const void* pointer)
      : kind_(Kind::kPointer), number_(reinterpret_cast<uintptr_t>(pointer)) {}
  template <std::unsigned_integral T>
  FormatArgument(T value) : kind_(Kind::kUnsigned), number_(value) {}
  template <std::signed_integral T>
  FormatArgument(T value)
      : kind_(Kind::kSigned), number_(static_cast<uint64_t>(static_cast<int64_t>(value))) {}

 private:
  friend class Formatter;
  enum class Kind : uint8_t { kText, kCharacter, kUnsigned, kSigned, kPointer };

  Kind kind_;
  std::string_view text_;
  uint64_t number_ = 0;
};

// A format string with as many placeholders as there are arguments; anything else does not compile.
template <typename... Arguments>
class FormatString final {
 public:
  template <typename Text>
  requires std::convertible_to<const Text&, std::string_view>
  consteval FormatString(const Text& text) : text_(text) {
    size_t placeholders = 0;
    for (size_t at = 0; at < text_.size(); ++at) {
      if (text_[at] != '{') continue;
      const std::string_view rest = text_.substr(at);
      if (!rest.starts_with("{}") && !rest.starts_with("{:x}")) UnknownPlaceholder();
      ++placeholders;
    }
    if (placeholders != sizeof...(Arguments)) PlaceholdersAndArgumentsDiffer();
  }
  [[nodiscard]] constexpr std::string_view text() const { return text_; }

 private:
  // Not constexpr: calling one stops the compiler, which names it.
  static void UnknownPlaceholder();
  static void PlaceholdersAndArgumentsDiffer();

  std::string_view text_;
};

// Writes formatted text to a function of the caller's, in pieces of up to the size of its buffer.
class Formatter final {
 public:
  using Sink = void (*)(std::string_view piece);
  explicit Formatter(Sink sink) : sink_(sink) {}
  void Format(std::string_view format, std::span<const FormatArgument> arguments);

 private:
  void Append(std::string_view text);
  void AppendNumber(uint64_t number, unsigned base);
  void AppendArgument(const FormatArgument& argument, unsigned base);

  Sink sink_;
  size_t used_ = 0;
  char buffer_[128];
};

}  // namespace mayfly::guest
