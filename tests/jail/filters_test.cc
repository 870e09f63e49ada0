// The seccomp filters in the programs that users run.

#include <linux/io_uring.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "base/owned_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jailer/seccomp.h"
#include "tests/cli/cli_test.h"
#include "tests/jail/attacks.h"

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

constexpr int kTries = 500;
constexpr std::chrono::milliseconds kStep{10};

// "Name:\tvalue" lines, as of /proc/PID/status.
std::map<std::string, std::string> ReadStatus(const fs::path& path) {
  std::map<std::string, std::string> status;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(":\t");
    if (colon != std::string::npos) status[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return status;
}

std::string ReadText(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The VMM that `parent` started; -1 where there is none.
pid_t VmmOf(pid_t parent) {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const auto status = ReadStatus(entry.path() / "status");
    const auto name = status.find("Name");
    const auto ppid = status.find("PPid");
    if (name == status.end() || ppid == status.end()) continue;
    if (name->second == "mayfly-vmm" && ppid->second == std::to_string(parent)) {
      return std::stoi(entry.path().filename());
    }
  }
  return -1;
}

// A link of /proc/PID/fd, without the number of what has one: "pipe:[123]".
std::string KindOf(const std::string& file) {
  for (const std::string kind : {"pipe:", "socket:"}) {
    if (file.starts_with(kind)) return kind;
  }
  return file;
}

// How many files of each kind a VMM has open.
std::map<std::string, int> OpenFiles(const fs::path& vmm) {
  std::map<std::string, int> files;
  for (const auto& entry : fs::directory_iterator(vmm / "fd")) {
    std::error_code closed;  // meanwhile
    const std::string file = fs::read_symlink(entry, closed);
    if (!closed) ++files[KindOf(file)];
  }
  return files;
}

// Of a VM with one vCPU and a disk, where there is io_uring: its standard streams are a pipe, its
// client is a socket, and each thread that waits has something to wait with.
std::map<std::string, int> KnownFiles(const std::string& disk) {
  return {{disk, 1},
          {"pipe:", 3},
          {"socket:", 1},
          {"anon_inode:kvm-vm", 1},
          {"anon_inode:kvm-vcpu:0", 1},
          {"anon_inode:[io_uring]", 1},
          {"anon_inode:[eventfd]", 6},
          {"anon_inode:[eventpoll]", 2},
          {"anon_inode:[timerfd]", 1},
          {"anon_inode:[signalfd]", 1}};
}

bool HasIoUring() {
  io_uring_params params{};
  return OwnedFd(static_cast<int>(::syscall(SYS_io_uring_setup, 1, &params))).valid();
}

// See hijacked_vmm.cc.
void Choose(size_t attack) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MSGQUEUE, &limit) != 0) ::_exit(98);
  limit.rlim_cur = attack;
  if (::setrlimit(RLIMIT_MSGQUEUE, &limit) != 0) ::_exit(98);
}

class FiltersTest : public CliTest {
 protected:
  void SetUp() override {
    if (jailer::kSanitized)
      GTEST_SKIP() << "no filters under a sanitizer; runs in builds without one";
    CliTest::SetUp();
  }
  void TearDown() override {
    if (!jailer::kSanitized) CliTest::TearDown();
  }
};

TEST_F(FiltersTest, EveryThreadOfAVmmIsConfined) {
  constexpr char kNone[] = "0000000000000000";  // capabilities
  const std::string disk = MakeSparseFile("disk", 1 << 20);
  Command run = RunGuest("echo", {"--cpus", "3", "--disk", disk});
  run.Start();
  run.AwaitOutput("\n");  // the guest runs
  const pid_t vmm = VmmOf(run.pid());
  ASSERT_GT(vmm, 0);
  std::vector<std::string> threads;  // the kernel's for KVM and io_uring among them
  for (const auto& task : fs::directory_iterator("/proc/" + std::to_string(vmm) + "/task")) {
    auto status = ReadStatus(task.path() / "status");
    EXPECT_EQ(status["Seccomp"], "2") << status["Name"];
    EXPECT_EQ(status["Seccomp_filters"], "1") << status["Name"];
    EXPECT_EQ(status["NoNewPrivs"], "1") << status["Name"];
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
      EXPECT_EQ(status[set], kNone) << status["Name"] << ": " << set;
    }
    threads.push_back(status["Name"]);
  }
  EXPECT_THAT(threads, IsSupersetOf({"mayfly-vmm", "io", "vcpu0", "vcpu1", "vcpu2"}));
  run.Signal(SIGTERM);
  (void)run.Wait();
  fs::remove(disk);
}

// From outside, since it could not tell: it has no /proc.
TEST_F(FiltersTest, NothingOfTheHostIsInside) {
  if (::geteuid() != 0) GTEST_SKIP() << "a VMM shows itself to none but root; runs as root";
  if (!HasIoUring()) GTEST_SKIP() << "its files are counted with a ring; runs where io_uring is";
  const std::string disk = MakeSparseFile("disk", 1 << 20);
  Command run = RunGuest("echo", {"--disk", disk});
  run.Environment("SECRET=word");
  run.Start();
  run.AwaitOutput("\n");  // the guest runs
  const fs::path vmm = "/proc/" + std::to_string(VmmOf(run.pid()));
  const std::string mounts = ReadText(vmm / "mountinfo");
  EXPECT_EQ(std::ranges::count(mounts, '\n'), 1) << mounts;
  EXPECT_THAT(mounts, HasSubstr(" / / ro,nosuid,nodev,noexec"));
  EXPECT_TRUE(fs::is_empty(vmm / "root"));
  EXPECT_EQ(ReadText(vmm / "environ"), "");
  EXPECT_THAT(ReadStatus(vmm / "status")["NSpid"], EndsWith("\t1"));
  for (const std::string kind : {"mnt", "net", "ipc", "uts", "pid"}) {
    EXPECT_NE(fs::read_symlink(vmm / "ns" / kind), fs::read_symlink("/proc/self/ns/" + kind));
  }
  // The guest may have spoken before what it was loaded from was closed.
  const std::map<std::string, int> expected = KnownFiles(disk);
  std::map<std::string, int> open = OpenFiles(vmm);
  for (int tries = 0; open != expected && tries < kTries; ++tries) {
    std::this_thread::sleep_for(kStep);
    open = OpenFiles(vmm);
  }
  EXPECT_EQ(open, expected);
  run.Signal(SIGTERM);
  (void)run.Wait();
  fs::remove(disk);
}

class HijackedTest : public FiltersTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(HijackedTest, AThreadEndsTheVmWhateverItTriesAndIsNamed) {
  const std::string thread = GetParam();
  const std::span<const Attack> attacks = AllAttacks();
  for (size_t number = 0; number < attacks.size(); ++number) {
    const Attack& attack = attacks[number];
    // The kernel may take a moment to let go of the last one's.
    const std::string disk = MakeSparseFile("disk-" + std::to_string(number), 1 << 20);
    Command run = RunGuest("hello", {"--disk", disk});
    run.Environment("MAYFLY_VMM=" + (fs::current_path() / "tests/jail/hijacked_").string() +
                    thread + "_vmm");
    run.Prepare([number] { Choose(number); });
    const CommandResult result = run.Run();
    EXPECT_EQ(result.exit_code, 159) << attack.name;
    EXPECT_EQ(result.out, "") << attack.name << ": the guest ran";
    EXPECT_THAT(result.err, HasSubstr("seccomp: thread " + thread + ": system call " +
                                      attack.system_call + " ("))
        << attack.name;
    fs::remove(disk);
  }
}

INSTANTIATE_TEST_SUITE_P(, HijackedTest, ::testing::Values("api", "io", "vcpu"),
                         [](const auto& thread) { return thread.param; });

}  // namespace
}  // namespace mayfly::testing
