#include "tests/bench/host_process.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::bench {
namespace {

constexpr std::chrono::milliseconds kGlance{5};
constexpr int kMostGlances = 1000;

}  // namespace

absl::StatusOr<HostProcess> HostProcess::Start(const std::string& program) {
  std::string directory = "/tmp/mayfly-bench-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return ErrnoStatus("making a directory");
  HostProcess host(-1, directory);
  std::string socket = host.socket();
  std::string name = program;
  std::string option = "--socket";
  std::array<char*, 4> argv = {name.data(), option.data(), socket.data(), nullptr};
  const int error =
      ::posix_spawn(&host.pid_, program.c_str(), nullptr, nullptr, argv.data(), environ);
  if (error != 0) return ErrnoStatus("starting " + program, error);
  for (int glance = 0; glance < kMostGlances; ++glance) {
    if (std::filesystem::exists(socket)) return host;
    std::this_thread::sleep_for(kGlance);
  }
  return absl::DeadlineExceededError(absl::StrCat(program, " does not listen"));
}

HostProcess::~HostProcess() {
  if (directory_.empty()) return;
  if (pid_ > 0) {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string HostProcess::socket() const { return directory_ + "/host.sock"; }

absl::StatusOr<uint64_t> HostProcess::PrivateMemory() const {
  std::ifstream rollup(absl::StrCat("/proc/", pid_, "/smaps_rollup"));
  if (!rollup) return absl::NotFoundError("reading the host service's memory map");
  uint64_t total = 0;
  std::string key;
  while (rollup >> key) {
    uint64_t kib = 0;
    if ((key == "Private_Clean:" || key == "Private_Dirty:") && rollup >> kib) total += kib;
  }
  return total;
}

}  // namespace mayfly::bench
