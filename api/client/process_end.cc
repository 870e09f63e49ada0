#include "api/client/process_end.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace mayfly::api {
namespace {

constexpr int kGraceMilliseconds = 1000;
constexpr size_t kMaxLastWords = 4096;

}  // namespace

absl::StatusOr<jailer::ProcessEnd> AwaitEnd(const jailer::ChildProcess& process) {
  pollfd ended{.fd = process.pidfd(), .events = POLLIN, .revents = 0};
  // Interrupted, too: Wait() would have no end.
  if (::poll(&ended, 1, kGraceMilliseconds) != 1) process.Kill();
  return process.Wait();
}

std::string Describe(const absl::StatusOr<jailer::ProcessEnd>& end) {
  if (!end.ok()) return std::string(end.status().message());
  if (end->exit_code) return absl::StrCat("exited with status ", *end->exit_code);
  return absl::StrCat("was killed by signal ", end->signal, " (", ::strsignal(end->signal), ")");
}

std::string ReadLastWords(int pipe) {
  std::string words;
  std::array<char, kMaxLastWords> part{};
  while (true) {
    const ssize_t length = ::read(pipe, part.data(), part.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) break;
    words.append(part.data(), static_cast<size_t>(length));
    if (words.size() > kMaxLastWords) words.erase(0, words.size() - kMaxLastWords);
  }
  while (words.ends_with('\n')) words.pop_back();
  return words;
}

}  // namespace mayfly::api
