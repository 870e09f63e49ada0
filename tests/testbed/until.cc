// until MARK COMMAND...: runs COMMAND with its output copied through, and says on a line of its own
// what it took until COMMAND, or a guest of it, printed MARK:
//
//   until: 1.234567 s, 65182000 ns of CPU
//
// The CPU time is that of COMMAND and of every process it started, living or ended, with their
// guests: they run in a cgroup of their own. With the testbed's ICOUNT=1 a nanosecond is an
// instruction, and idle time, which is jumped over there, does not count. Needs root and a cgroup2
// at /sys/fs/cgroup, which the testbed has.
//
// The exit status is COMMAND's (128 + signal where one killed it), or 125 where MARK never came or
// nothing could be run.

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kFailed = 125;
constexpr int kCannotRun = 127;
constexpr int kKilledBySignal = 128;
constexpr mode_t kFolderMode = 0755;

[[noreturn]] void Fail(const std::string& what) {
  std::perror(("until: " + what).c_str());
  std::exit(kFailed);
}

// A cgroup that lives as long as this.
class Cgroup final {
 public:
  Cgroup() : path_("/sys/fs/cgroup/until-" + std::to_string(getpid())) {
    if (mkdir(path_.c_str(), kFolderMode) != 0) Fail("cannot make the cgroup " + path_);
    fd_ = open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd_ < 0) Fail("cannot open the cgroup " + path_);
  }
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;
  ~Cgroup() {
    close(fd_);
    rmdir(path_.c_str());
  }

  [[nodiscard]] int fd() const { return fd_; }

  // What its processes have used so far.
  [[nodiscard]] std::chrono::microseconds CpuTime() const {
    std::ifstream statistics(path_ + "/cpu.stat");
    std::string name;
    std::int64_t value = 0;
    while (statistics >> name >> value) {
      if (name == "usage_usec") return std::chrono::microseconds(value);
    }
    Fail("no usage_usec in " + path_ + "/cpu.stat");
  }

 private:
  std::string path_;
  int fd_ = -1;
};

// Forks into the cgroup: a process that entered it later would have its start missing.
pid_t ForkInto(const Cgroup& cgroup) {
  clone_args arguments{};
  arguments.flags = CLONE_INTO_CGROUP;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<__u64>(cgroup.fd());
  return static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof arguments));
}

[[noreturn]] void Become(char** command, int output) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a timeout that kills us must not leave a guest running
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execvp(command[0], command);
  _exit(kCannotRun);
}

void Write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

struct Reached final {
  Clock::duration time{};
  std::chrono::nanoseconds cpu{};
};

// Copies `output` to ours until its end. When `mark` first came, if it did.
std::optional<Reached> CopyUntilEnd(int output, std::string_view mark, Clock::time_point begin,
                                    const Cgroup& cgroup) {
  std::optional<Reached> reached;
  std::string line;  // what has come since the last line's end: the mark may arrive in pieces
  std::array<char, 1 << 16> buffer;
  for (ssize_t got = 0; (got = read(output, buffer.data(), buffer.size())) > 0;) {
    const std::string_view text(buffer.data(), static_cast<std::size_t>(got));
    line += text;
    if (!reached && line.find(mark) != std::string::npos) {
      reached = Reached{.time = Clock::now() - begin, .cpu = cgroup.CpuTime()};
    }
    line.erase(0, line.rfind('\n') + 1);
    Write(text);
  }
  return reached;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: until MARK COMMAND...\n", stderr);
    return kFailed;
  }
  const Cgroup cgroup;
  std::array<int, 2> output{};
  if (pipe2(output.data(), O_CLOEXEC) != 0) Fail("cannot make a pipe");
  const Clock::time_point begin = Clock::now();
  const pid_t command = ForkInto(cgroup);
  if (command < 0) Fail("cannot fork");
  if (command == 0) Become(argv + 2, output[1]);
  close(output[1]);

  const std::optional<Reached> reached = CopyUntilEnd(output[0], argv[1], begin, cgroup);
  int status = 0;
  waitpid(command, &status, 0);
  if (!reached) {
    std::fprintf(stderr, "until: '%s' never came\n", argv[1]);
    return kFailed;
  }
  std::printf("\nuntil: %.6f s, %lld ns of CPU\n",
              std::chrono::duration<double>(reached->time).count(),
              static_cast<long long>(reached->cpu.count()));
  return WIFEXITED(status) ? WEXITSTATUS(status) : kKilledBySignal + WTERMSIG(status);
}
