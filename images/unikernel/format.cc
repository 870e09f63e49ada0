#include "images/unikernel/format.h"

#include <algorithm>
#include <array>

namespace mayfly::guest {
namespace {

constexpr unsigned kDecimal = 10;
constexpr unsigned kHexadecimal = 16;

}  // namespace

void Formatter::Format(std::string_view format, std::span<const FormatArgument> arguments) {
  while (!arguments.empty()) {
    const size_t open = format.find('{');
    const size_t close = format.find('}', open);
    Append(format.substr(0, open));
    AppendArgument(arguments.front(), close - open == 1 ? kDecimal : kHexadecimal);
    format.remove_prefix(close + 1);
    arguments = arguments.subspan(1);
  }
  Append(format);
  if (used_ > 0) sink_({buffer_, used_});
  used_ = 0;
}

void Formatter::Append(std::string_view text) {
  while (!text.empty()) {
    const size_t count = std::min(text.size(), sizeof buffer_ - used_);
    std::copy_n(text.begin(), count, buffer_ + used_);
    used_ += count;
    text.remove_prefix(count);
    if (used_ == sizeof buffer_) {
      sink_({buffer_, used_});
      used_ = 0;
    }
  }
}

void Formatter::AppendNumber(uint64_t number, unsigned base) {
  std::array<char, 20> digits;  // of 2^64 - 1 in decimal
  size_t first = digits.size();
  do {
    digits[--first] = "0123456789abcdef"[number % base];
    number /= base;
  } while (number > 0);
  Append({&digits[first], digits.size() - first});
}

void Formatter::AppendArgument(const FormatArgument& argument, unsigned base) {
  switch (argument.kind_) {
    case FormatArgument::Kind::kText:
      Append(argument.text_);
      return;
    case FormatArgument::Kind::kCharacter: {
      const char character = static_cast<char>(argument.number_);
      Append({&character, 1});
      return;
    }
    case FormatArgument::Kind::kPointer:
      Append("0x");
      AppendNumber(argument.number_, kHexadecimal);
      return;
    case FormatArgument::Kind::kSigned:
      if (static_cast<int64_t>(argument.number_) < 0 && base == kDecimal) {
        Append("-");
        AppendNumber(-argument.number_, base);
        return;
      }
      [[fallthrough]];
    case FormatArgument::Kind::kUnsigned:
      AppendNumber(argument.number_, base);
      return;
  }
}

}  // namespace mayfly::guest
