#include "api/client/vmm_process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/client/process_end.h"
#include "base/pipe.h"
#include "base/socket_pair.h"
#include "base/status.h"
#include "jailer/sanitized.h"

namespace mayfly::api {
namespace {

constexpr char kProgramVariable[] = "MAYFLY_VMM";
constexpr char kProgramName[] = "mayfly-vmm";
constexpr char kSelf[] = "/proc/self/exe";
// The number that the VMM's end of the socket pair has there: the first behind the standard ones.
constexpr int kSocketTarget = STDERR_FILENO + 1;

[[nodiscard]] absl::StatusOr<std::string> BesideOurselves() {
  std::array<char, PATH_MAX> path{};
  const ssize_t length = ::readlink(kSelf, path.data(), path.size());
  if (length < 0) return ErrnoStatus(absl::StrCat("finding mayfly-vmm beside ", kSelf));
  const std::string_view self(path.data(), static_cast<size_t>(length));
  return absl::StrCat(ToAbsl(self.substr(0, self.rfind('/') + 1)), kProgramName);
}

[[nodiscard]] absl::StatusOr<std::string> ProgramPath() {
  const char* const chosen = std::getenv(kProgramVariable);
  if (chosen != nullptr && *chosen != '\0') return std::string(chosen);
  return BesideOurselves();
}

}  // namespace

absl::StatusOr<OwnedFd> VmmProcess::FindProgram() {
  MAYFLY_ASSIGN_OR_RETURN(const std::string path, ProgramPath());
  OwnedFd program(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!program.valid()) {
    const absl::Status error = ErrnoStatus(absl::StrCat("opening the VMM program ", path));
    return absl::Status(
        error.code(),
        absl::StrCat(error.message(), "; install mayfly-vmm beside this program, or name it in $",
                     kProgramVariable));
  }
  return program;
}

absl::StatusOr<VmmProcess> VmmProcess::Spawn(int program, const jailer::Jail& jail,
                                             std::optional<jailer::Cgroup> cgroup) {
  MAYFLY_ASSIGN_OR_RETURN(SocketPair socket, SocketPair::MakeNonBlocking());
  // A VMM with a lot to say must not wait for us to read it.
  MAYFLY_ASSIGN_OR_RETURN(Pipe words, Pipe::MakeNonBlocking());
  jailer::SpawnOptions options;
  options.program = program;
  // A sanitizer's runtime needs its libraries, and /proc.
  if (!jailer::kSanitized) options.jail = &jail;
  if (cgroup) {
    options.cgroup = cgroup->directory();
    options.cgroup_tasks = cgroup->tasks();
  }
  options.arguments = {kProgramName, "--socket-fd", std::to_string(kSocketTarget)};
  // Our own standard output must not be there: whoever reads it would wait for the end of the VMM
  // process, which outlives the VM by the kernel's teardown. 0 and 1 are taken all the same, lest
  // another file gets these numbers.
  const int words_end = words.writer.get();
  options.fds = {{.source = words_end, .target = STDIN_FILENO},
                 {.source = words_end, .target = STDOUT_FILENO},
                 {.source = words_end, .target = STDERR_FILENO},
                 {.source = socket.theirs.get(), .target = kSocketTarget}};
  absl::StatusOr<jailer::ChildProcess> process = jailer::Spawn(options);
  if (!process.ok() && cgroup) {
    return Annotate(process.status(), absl::StrCat("starting a VMM in the cgroup ",
                                                   absl::StrJoin(cgroup->Paths(), ", ")));
  }
  if (!process.ok()) return process.status();
  VmmProcess vmm(*std::move(process), std::move(cgroup), std::move(socket.ours),
                 std::move(words.reader));
  vmm.user_lack_ = jailer::UserLack(jail);
  return vmm;
}

absl::StatusOr<VmmProcess> VmmProcess::Spawn(std::optional<jailer::Cgroup> cgroup) {
  MAYFLY_ASSIGN_OR_RETURN(const OwnedFd program, FindProgram());
  return Spawn(program.get(), jailer::Jail::ForOne(), std::move(cgroup));
}

VmmProcess VmmProcess::Adopt(pid_t pid, OwnedFd pidfd, OwnedFd socket) {
  VmmProcess process(jailer::ChildProcess(pid, std::move(pidfd), jailer::Keyring::kOwn),
                     std::nullopt, std::move(socket), OwnedFd());
  process.is_adopted_ = true;
  return process;
}

bool VmmProcess::RanOutOfMemory(const absl::StatusOr<jailer::ProcessEnd>& end) const {
  return end.ok() && end->signal == SIGKILL && cgroup_ && cgroup_->OomKilled();
}

std::vector<std::string> VmmProcess::PassingLacks() const {
  const std::optional<jailer::Lack> lack = jailer::KeyringLack(process_);
  return lack ? std::vector{lack->Sentence()} : std::vector<std::string>();
}

std::vector<std::string> VmmProcess::JailLacks() const {
  std::vector<std::string> lacks = PassingLacks();
  if (user_lack_) lacks.push_back(user_lack_->Sentence());
  return lacks;
}

vmm::ExitStatus VmmProcess::JudgeDeath() const {
  if (is_adopted_) {
    process_.Kill();
    return {
        .reason = vmm::ExitReason::kInternalError,
        .detail = absl::StrCat("the VMM went away: ", kProgramName, " (process ", process_.pid(),
                               "), which was started by a process that is "
                               "gone, and so says nobody how it ended")};
  }
  const absl::StatusOr<jailer::ProcessEnd> end = AwaitEnd(process_);
  const std::string words = ReadLastWords(last_words_.get());
  if (end.ok() && end->IsViolation()) {
    return {.reason = vmm::ExitReason::kViolation,
            .detail = absl::StrCat("the VMM asked the kernel for what it may not have, and was "
                                   "ended at once (",
                                   words, "): a fault of Mayfly's, or a guest that broke out; ",
                                   "please report it")};
  }
  if (RanOutOfMemory(end)) {
    return {.reason = vmm::ExitReason::kOutOfMemory,
            .detail =
                "the kernel ended the VM, as its limit of memory was reached or the host had "
                "none left; the limit has to hold what the guest touches of its memory, and "
                "some MiB for the VMM"};
  }
  std::string text = absl::StrCat("the VMM went away: ", kProgramName, " (process ", process_.pid(),
                                  ") ", Describe(end));
  if (!words.empty()) absl::StrAppend(&text, "; it said: ", words);
  return {.reason = vmm::ExitReason::kInternalError, .detail = std::move(text)};
}

}  // namespace mayfly::api
