#include "api/server/stand_alone.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "absl/status/statusor.h"
#include "api/host/host_socket.h"
#include "base/owned_fd.h"
#include "base/standard_fds.h"
#include "base/status.h"
#include "jailer/jail.h"
#include "jailer/lack.h"
#include "jailer/sanitized.h"
#include "jailer/spawn.h"

namespace mayfly::api {
namespace {

constexpr char kSelf[] = "/proc/self/exe";
constexpr mode_t kOwnUser = 0600;
constexpr int kSignalled = 128;
// The number that the socket has in the VMM: the first behind the standard ones.
constexpr int kSocketTarget = STDERR_FILENO + 1;

// Those that ask a process to end, as a descriptor.
[[nodiscard]] absl::StatusOr<OwnedFd> TakeSignals() {
  sigset_t ends;
  ::sigemptyset(&ends);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&ends, signal);
  if (::sigprocmask(SIG_BLOCK, &ends, nullptr) != 0) return ErrnoStatus("blocking signals");
  OwnedFd signals(::signalfd(-1, &ends, SFD_CLOEXEC));
  if (!signals.valid()) return ErrnoStatus("taking signals");
  return signals;
}

void Say(const std::string& what) { std::fprintf(stderr, "mayfly-vmm: %s\n", what.c_str()); }

[[nodiscard]] absl::StatusOr<jailer::ChildProcess> StartVmm(int socket) {
  const OwnedFd program(::open(kSelf, O_PATH | O_CLOEXEC));
  if (!program.valid()) return ErrnoStatus("opening mayfly-vmm by /proc/self/exe");
  const jailer::Jail jail = jailer::Jail::ForOne();
  jailer::SpawnOptions options;
  options.program = program.get();
  // A sanitizer's runtime needs its libraries, and /proc.
  if (!jailer::kSanitized) options.jail = &jail;
  options.arguments = {"mayfly-vmm", "--listen-fd", std::to_string(kSocketTarget)};
  options.fds = {{.source = STDERR_FILENO, .target = STDIN_FILENO},
                 {.source = STDERR_FILENO, .target = STDOUT_FILENO},
                 {.source = STDERR_FILENO, .target = STDERR_FILENO},
                 {.source = socket, .target = kSocketTarget}};
  absl::StatusOr<jailer::ChildProcess> process = jailer::Spawn(options);
  if (!process.ok()) return process;
  if (const std::optional<jailer::Lack> lack = jailer::KeyringLack(*process)) {
    Say(lack->Sentence());
  }
  return process;
}

// The number of the signal that asked us to end, or nothing when the process has ended by itself.
[[nodiscard]] std::optional<int> AwaitEnd(const jailer::ChildProcess& process, int signals) {
  std::array<pollfd, 2> ready = {pollfd{.fd = process.pidfd(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = signals, .events = POLLIN, .revents = 0}};
  constexpr int kForever = -1;
  while (::poll(ready.data(), ready.size(), kForever) < 0 && errno == EINTR) {
  }
  if (ready[0].revents != 0) return std::nullopt;
  signalfd_siginfo signal{};
  if (::read(signals, &signal, sizeof signal) != ssize_t{sizeof signal}) return std::nullopt;
  return static_cast<int>(signal.ssi_signo);
}

[[nodiscard]] absl::StatusOr<int> Run(const std::string& path) {
  // First, so that whatever ends us from now on leaves no socket.
  MAYFLY_ASSIGN_OR_RETURN(const OwnedFd signals, TakeSignals());
  MAYFLY_ASSIGN_OR_RETURN(const HostSocket socket, HostSocket::Bind(path, {.mode = kOwnUser}));
  MAYFLY_ASSIGN_OR_RETURN(const jailer::ChildProcess process, StartVmm(socket.fd()));
  const std::optional<int> signal = AwaitEnd(process, signals.get());
  if (signal) process.Kill();
  MAYFLY_ASSIGN_OR_RETURN(const jailer::ProcessEnd end, process.Wait());
  if (signal) return kSignalled + *signal;
  return end.exit_code ? *end.exit_code : kSignalled + end.signal;
}

}  // namespace

int RunStandAlone(const std::string& path) {
  OccupyStandardFds();  // which are the VMM's too
  const absl::StatusOr<int> status = Run(path);
  if (status.ok()) return *status;
  Say(std::string(status.status().message()));
  return EXIT_FAILURE;
}

}  // namespace mayfly::api
