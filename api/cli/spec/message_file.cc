#include "api/cli/spec/message_file.h"

#include <capnp/dynamic.h>
#include <capnp/serialize-text.h>
#include <fcntl.h>
#include <kj/exception.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "api/cli/spec/json_reader.h"
#include "api/client/open_file.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

// The largest takes a few KiB.
constexpr size_t kMostBytes = size_t{1} << 20;
constexpr std::string_view kStandardInput = "-";

[[nodiscard]] absl::StatusOr<std::string> ReadAll(int fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      // A pipe whose other end has nothing yet: files are opened without waiting.
      pollfd input = {.fd = fd, .events = POLLIN, .revents = 0};
      ::poll(&input, 1, -1);
      continue;
    }
    if (got < 0) return absl::InvalidArgumentError(std::strerror(errno));
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<size_t>(got));
    if (text.size() > kMostBytes) {
      return absl::InvalidArgumentError("it has more than 1 MiB, which is too much");
    }
  }
}

// What is not blank, and no comment.
[[nodiscard]] char FirstCharacter(std::string_view text) {
  while (!text.empty()) {
    const size_t at = text.find_first_not_of(" \t\r\n");
    if (at == std::string_view::npos) return 0;
    if (text[at] != '#') return text[at];
    const size_t end = text.find('\n', at);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end);
  }
  return 0;
}

[[nodiscard]] absl::Status DecodeText(const std::string& text, capnp::DynamicStruct::Builder into) {
  absl::Status status;
  KJ_IF_MAYBE (exception, kj::runCatchingExceptions([&] {
                 capnp::TextCodec().decode(kj::StringPtr(text.c_str(), text.size()), into);
               })) {
    // "3-9: what is wrong": the columns. The parser calls its input "(capnp text input)".
    const std::string_view what(exception->getDescription().cStr());
    const bool is_in_text =
        std::string_view(exception->getFile()).find("text input") != std::string_view::npos;
    status = absl::InvalidArgumentError(
        is_in_text ? absl::StrCat("line ", exception->getLine(), ", columns ", ToAbsl(what))
                   : absl::StrCat(ToAbsl(what)));
  }
  return status;
}

[[nodiscard]] absl::Status Decode(const absl::StatusOr<std::string>& text,
                                  capnp::DynamicStruct::Builder into) {
  if (!text.ok()) return text.status();
  return FirstCharacter(*text) == '(' ? DecodeText(*text, into) : DecodeJson(*text, into);
}

}  // namespace

std::string MessageFileName(const std::string& path) {
  return path == kStandardInput ? "standard input" : path;
}

absl::Status ReadMessageFile(std::string_view role, const std::string& path,
                             capnp::DynamicStruct::Builder into) {
  vmm::NamedFd file;
  int fd = STDIN_FILENO;
  if (path != kStandardInput) {
    MAYFLY_ASSIGN_OR_RETURN(file, api::OpenImage(role, path));
    fd = file.fd.get();
  }
  return Annotate(Decode(ReadAll(fd), into), MessageFileName(path));
}

}  // namespace mayfly::cli
