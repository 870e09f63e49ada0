#include "api/client/passt_process.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "api/client/host_resolvers.h"
#include "api/client/process_end.h"
#include "base/pipe.h"
#include "base/socket_pair.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

constexpr char kProgramVariable[] = "MAYFLY_PASST";
constexpr char kProgramName[] = "passt";
// The number that passt's end of the socket pair has there: the first behind the standard ones.
constexpr int kSocketTarget = STDERR_FILENO + 1;

// Invalid, with errno set, where it is nothing that can be run.
[[nodiscard]] OwnedFd OpenProgram(const std::string& path) {
  if (::access(path.c_str(), X_OK) != 0) return {};
  return OwnedFd(::open(path.c_str(), O_PATH | O_CLOEXEC));
}

[[nodiscard]] absl::StatusOr<std::string> ForwardSpec(const PasstForward& forward) {
  if (forward.host == 0 || forward.guest == 0) {
    return absl::InvalidArgumentError("a forwarded port is a number from 1 to 65535");
  }
  return absl::StrCat(forward.host, ":", forward.guest);
}

[[nodiscard]] absl::StatusOr<std::vector<std::string>> MakeArguments(const PasstOptions& options) {
  std::vector<std::string> arguments = {
      kProgramName,  "--foreground", "--quiet",
      "--one-off",  // ends with its only connection
      "--no-map-gw", "--fd",         std::to_string(kSocketTarget)};
  if (options.mtu != 0) {
    arguments.insert(arguments.end(), {"--mtu", std::to_string(options.mtu)});
  }
  for (const std::string& resolver : ResolversBehindLoopback()) {
    arguments.insert(arguments.end(), {"--dns", resolver});
  }
  for (const PasstForward& forward : options.forwards) {
    MAYFLY_ASSIGN_OR_RETURN(const std::string spec, ForwardSpec(forward));
    const bool tcp = forward.protocol == PasstForward::Protocol::kTcp;
    arguments.insert(arguments.end(), {tcp ? "--tcp-ports" : "--udp-ports", spec});
  }
  return arguments;
}

}  // namespace

absl::StatusOr<OwnedFd> PasstProcess::FindProgram() {
  const char* const chosen = std::getenv(kProgramVariable);
  if (chosen != nullptr && *chosen != '\0') {
    OwnedFd program = OpenProgram(chosen);
    if (!program.valid()) {
      return ErrnoStatus(absl::StrCat("opening ", chosen, ", which $", kProgramVariable, " names"));
    }
    return program;
  }
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    OwnedFd program = OpenProgram(absl::StrCat(folder, "/", kProgramName));
    if (program.valid()) return program;
  }
  return absl::NotFoundError(
      absl::StrCat("there is no passt in $PATH, which the user network needs: install the package "
                   "passt, or name the program in $",
                   kProgramVariable));
}

absl::StatusOr<PasstProcess> PasstProcess::Start(const PasstOptions& options) {
  MAYFLY_ASSIGN_OR_RETURN(std::vector<std::string> arguments, MakeArguments(options));
  MAYFLY_ASSIGN_OR_RETURN(const OwnedFd program, FindProgram());
  // Blocking: passt takes a frame that has come in part for broken where it cannot wait for the
  // rest. (Our end is read and written with MSG_DONTWAIT.)
  MAYFLY_ASSIGN_OR_RETURN(SocketPair socket, SocketPair::Make());
  // A passt with a lot to say must not wait for us to read it.
  MAYFLY_ASSIGN_OR_RETURN(Pipe words, Pipe::MakeNonBlocking());
  const int words_end = options.words >= 0 ? options.words : words.writer.get();
  jailer::SpawnOptions spawn;
  // passt shuts itself in; as root it needs the rights to do so.
  spawn.privileges = jailer::Privileges::kKept;
  spawn.program = program.get();
  spawn.arguments = std::move(arguments);
  spawn.fds = {{.source = words_end, .target = STDIN_FILENO},
               {.source = words_end, .target = STDOUT_FILENO},
               {.source = words_end, .target = STDERR_FILENO},
               {.source = socket.theirs.get(), .target = kSocketTarget}};
  // It is its VM's, which may outlive us.
  spawn.parent_death = jailer::ParentDeath::kIgnored;
  absl::StatusOr<jailer::ChildProcess> process = jailer::Spawn(spawn);
  if (!process.ok()) return Annotate(process.status(), "starting passt");
  return PasstProcess(*std::move(process), std::move(socket.ours), std::move(words.reader));
}

std::optional<std::string> PasstProcess::DescribeFailure() const {
  const absl::StatusOr<jailer::ProcessEnd> end = AwaitEnd(process_);
  if (end.ok() && end->exit_code == 0) return std::nullopt;
  std::string text = absl::StrCat(kProgramName, " (process ", process_.pid(), ") ", Describe(end));
  const std::string words = ReadLastWords(last_words_.get());
  if (!words.empty()) absl::StrAppend(&text, "; it said: ", EssenceOf(words));
  return text;
}

// What is left out it says on hosts without a system log, and to root.
std::string PasstProcess::EssenceOf(std::string_view words) {
  std::string essence;
  std::istringstream lines{std::string(words)};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("Failed to send ") || line.starts_with("Don't run as root")) continue;
    absl::StrAppend(&essence, essence.empty() ? "" : "; ", line);
  }
  return essence;
}

}  // namespace mayfly::api
