#pragma once

#include <span>
#include <string_view>

#include "images/unikernel/format.h"

// The serial console. For one CPU at a time: where several print, take a SpinLock around it.

namespace mayfly::guest {

// Writes the text as it is.
void Write(std::string_view text);

// Print("disk {}: {} sectors\n", index, sectors): see format.h.
template <typename... Arguments>
void Print(FormatString<std::type_identity_t<Arguments>...> format, const Arguments&... arguments) {
  if constexpr (sizeof...(Arguments) == 0) {
    Write(format.text());
  } else {
    const FormatArgument erased[] = {arguments...};
    Formatter(&Write).Format(format.text(), erased);
  }
}

// Waits for a byte, the CPU at rest until its interrupt. Boot CPU only, and not from an interrupt
// handler.
[[nodiscard]] char ReadByte();

// Waits for a line, without echo. Returns it without its end ('\n', with or without '\r' before
// it); what does not fit into `buffer` is dropped.
[[nodiscard]] std::string_view ReadLine(std::span<char> buffer);

}  // namespace mayfly::guest
