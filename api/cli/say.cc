#include "api/cli/say.h"

#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/cli/exit_code.h"
#include "base/status.h"

namespace mayfly::cli {

int Print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      // Who does not read any more knows that.
      if (errno != EPIPE) Complain(ErrnoStatus("writing to standard output").message());
      return static_cast<int>(ExitCode::kFailure);
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  return static_cast<int>(ExitCode::kSuccess);
}

void Complain(absl::string_view sentence) {
  while (absl::EndsWith(sentence, "\n")) sentence.remove_suffix(1);
  const std::string line = absl::StrCat("mayfly: ", sentence, "\n");
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace mayfly::cli
