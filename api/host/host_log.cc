#include "api/host/host_log.h"

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

LogLevel most = LogLevel::INFO;

[[nodiscard]] int PriorityOf(LogLevel level) {
  switch (level) {
    case LogLevel::ERROR:
      return LOG_ERR;
    case LogLevel::WARNING:
      return LOG_WARNING;
    case LogLevel::NOTICE:
      return LOG_NOTICE;
    case LogLevel::INFO:
      return LOG_INFO;
    case LogLevel::DEBUG:
      return LOG_DEBUG;
  }
  return LOG_DEBUG;
}

[[nodiscard]] std::string OneLine(std::string_view text) {
  std::string line(text);
  constexpr unsigned char kFirstPrintable = 0x20;
  constexpr unsigned char kDelete = 0x7f;
  std::ranges::replace_if(
      line, [](unsigned char c) { return c < kFirstPrintable || c == kDelete; }, ' ');
  return line;
}

[[nodiscard]] bool SendToJournal(LogLevel level, const std::string& message,
                                 const std::vector<LogField>& fields) {
  std::vector<std::string> entries = {"MESSAGE=" + message,
                                      absl::StrCat("PRIORITY=", PriorityOf(level))};
  for (const LogField& field : fields) {
    entries.push_back(absl::StrCat(ToAbsl(field.name), "=", field.value));
  }
  std::vector<iovec> pieces;
  for (std::string& entry : entries) pieces.push_back({entry.data(), entry.size()});
  return ::sd_journal_sendv(pieces.data(), static_cast<int>(pieces.size())) == 0;
}

// A pipe is ready where it takes PIPE_BUF bytes at once, which a line does not exceed.
[[nodiscard]] bool IsReady() {
  pollfd output = {.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  constexpr int kNow = 0;
  return ::poll(&output, 1, kNow) == 1 && (output.revents & POLLOUT) != 0;
}

void WriteLine(std::string_view message) {
  constexpr std::string_view kHead = "mayflyd: ";
  std::string line =
      absl::StrCat(ToAbsl(kHead), ToAbsl(message.substr(0, PIPE_BUF - kHead.size() - 1)));
  line += '\n';
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

// Lines that nobody can be told any more.
uint64_t lost = 0;

}  // namespace

bool IsJournal(const char* journal_stream, int fd) {
  struct stat status {};
  return journal_stream != nullptr && ::fstat(fd, &status) == 0 &&
         absl::StrCat(status.st_dev, ":", status.st_ino) == journal_stream;
}

void SetLogLevel(LogLevel level) { most = level; }

void Log(LogLevel level, std::string_view message, const std::vector<LogField>& fields) {
  if (level > most) return;
  static const bool is_journal = IsJournal(std::getenv("JOURNAL_STREAM"), STDERR_FILENO);
  const std::string line = OneLine(message);
  if (is_journal && SendToJournal(level, line, fields)) return;
  if (!IsReady()) {
    ++lost;
    return;
  }
  if (const uint64_t count = std::exchange(lost, 0); count != 0) {
    WriteLine(absl::StrCat(count, " lines of this log were lost: nobody read them"));
    if (!IsReady()) {
      lost = 1;
      return;
    }
  }
  WriteLine(line);
}

}  // namespace mayfly::api
