#include "vmm/boot/command_line.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "vmm/layout.h"

namespace mayfly::vmm {
namespace {

// Where the lone "--" begins, as Linux' parse_args() sees it: outside of double quotes.
size_t FindInitArguments(std::string_view line) {
  constexpr std::string_view kSeparator = "--";
  bool quoted = false;
  for (size_t word = 0; word < line.size();) {
    size_t end = word;
    for (; end < line.size() && (quoted || line[end] != ' '); ++end) {
      if (line[end] == '"') quoted = !quoted;
    }
    if (line.substr(word, end - word) == kSeparator) return word;
    word = end + 1;
  }
  return line.size();
}

}  // namespace

std::string AppendKernelWords(std::string_view line, std::string_view words) {
  if (words.empty()) return std::string(line);
  const size_t split = FindInitArguments(line);
  std::string result(line.substr(0, split));
  if (!result.empty() && result.back() != ' ') result += ' ';
  result += words;
  if (split < line.size()) {
    result += ' ';
    result += line.substr(split);
  }
  return result;
}

absl::StatusOr<GuestRange> WriteCommandLine(const GuestMemory& memory, std::string_view line,
                                            uint64_t limit) {
  if (line.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError("the kernel's command line has a NUL byte in it");
  }
  // The room up to the end of low memory is far more than any kernel takes, but a header can claim
  // anything.
  limit = std::min(limit, layout::kLowMemoryEnd - layout::kCommandLine - 1);
  if (line.size() > limit) {
    return absl::InvalidArgumentError(
        absl::StrCat("the kernel's command line is ", line.size(),
                     " bytes long, with the words for the VM's devices; this kernel takes at most ",
                     limit, ": shorten it"));
  }
  MAYFLY_RETURN_IF_ERROR(
      memory.Write(layout::kCommandLine, std::as_bytes(std::span(line.data(), line.size()))));
  MAYFLY_RETURN_IF_ERROR(memory.Store(layout::kCommandLine + line.size(), '\0'));
  return GuestRange{.address = layout::kCommandLine, .size = line.size() + 1};
}

}  // namespace mayfly::vmm
