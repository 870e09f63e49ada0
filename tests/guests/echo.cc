// Echoes each line of the serial console in upper case, until "quit". Rests while there is no
// input.

#include <algorithm>
#include <array>
#include <string_view>

#include "images/unikernel/console.h"

namespace {

char ToUpper(char character) {
  const bool lower = character >= 'a' && character <= 'z';
  return lower ? static_cast<char>(character - 'a' + 'A') : character;
}

}  // namespace

int main() {
  using namespace mayfly::guest;
  std::array<char, 256> buffer;
  Print("ready\n");
  while (true) {
    const std::string_view line = ReadLine(buffer);
    if (line == "quit") return 0;
    const std::span text = std::span(buffer).first(line.size());
    std::ranges::transform(text, text.begin(), ToUpper);
    Print("{}\n", line);
  }
}
