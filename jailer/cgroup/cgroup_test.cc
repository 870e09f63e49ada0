#include "jailer/cgroup/cgroup.h"

#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jailer/cgroup/cgroup_tree.h"

namespace mayfly::jailer {
namespace {

using testing::HasSubstr;

constexpr uint64_t kMemory = uint64_t{32} << 20;
constexpr int kCannotEnter = 79;

// A child of ours in `cgroup`, which ends with what `body` returns.
pid_t StartIn(const Cgroup& cgroup, const std::function<int()>& body) {
  clone_args args{};
  args.exit_signal = SIGCHLD;
  if (cgroup.directory() >= 0) {
    args.flags = CLONE_INTO_CGROUP;
    args.cgroup = static_cast<__u64>(cgroup.directory());
  }
  const auto child = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int tasks : cgroup.tasks()) {
    if (::write(tasks, "0", 1) != 1) ::_exit(kCannotEnter);
  }
  ::_exit(body());
}

int WaitFor(pid_t child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

int Pause() {
  ::pause();
  return 0;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  std::string read = text.str();
  while (read.ends_with('\n')) read.pop_back();
  return read;
}

// What /proc says of where `process` is, once that names a cgroup of ours or the time is up.
std::string Membership(pid_t process, const std::string& name) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::string text;
  do {
    text = ReadFile("/proc/" + std::to_string(process) + "/cgroup");
  } while (text.find(name) == std::string::npos && std::chrono::steady_clock::now() < deadline);
  return text;
}

class CgroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    CgroupSettings settings = CgroupSettings::ForThisProcess();
    settings.parent = "/mayfly-test-" + std::to_string(::getpid());
    absl::StatusOr<CgroupTree> tree = CgroupTree::Find(settings);
    ASSERT_TRUE(tree.ok()) << tree.status();
    tree_.emplace(*std::move(tree));
    for (const Controller controller : kControllers) {
      if (tree_->Look(controller).usable()) parents_.push_back(tree_->Look(controller).path);
    }
    if (parents_.empty()) {
      GTEST_SKIP() << "runs for root, outside of Bazel's sandbox, where cgroups are mounted: "
                   << tree_->Look(Controller::kMemory).obstacle;
    }
  }
  void TearDown() override {
    for (const std::string& parent : parents_) {
      if (!std::filesystem::exists(parent)) continue;
      EXPECT_EQ(Children(parent), 0) << "left in " << parent;
      EXPECT_EQ(::rmdir(parent.c_str()), 0) << parent << ": " << std::strerror(errno);
    }
  }

  // Whether limits of it can be tried; says aloud when not.
  [[nodiscard]] bool Has(Controller controller) const {
    const ControllerFinding finding = tree_->Look(controller);
    if (!finding.usable()) std::cout << "[  NOTE    ] not tried: " << finding.obstacle << '\n';
    return finding.usable();
  }
  [[nodiscard]] std::string Setting(const Cgroup& cgroup, Controller controller,
                                    const std::string& v1_file, const std::string& v2_file) const {
    const ControllerFinding finding = tree_->Look(controller);
    for (const std::string& path : cgroup.Paths()) {
      if (!path.starts_with(finding.path + "/")) continue;
      return ReadFile(path + "/" + (finding.version == CgroupVersion::kV1 ? v1_file : v2_file));
    }
    return "not there";
  }
  [[nodiscard]] static long Children(const std::string& parent) {
    std::error_code error;
    const std::filesystem::directory_iterator entries(parent, error);
    return std::count_if(begin(entries), end(entries),
                         [](const auto& entry) { return entry.is_directory(); });
  }
  [[nodiscard]] CgroupLimits LittleMemory() const {
    CgroupLimits limits;
    limits.memory = kMemory;
    return limits;
  }

  std::optional<CgroupTree> tree_;
  std::vector<std::string> parents_;
};

TEST_F(CgroupTest, LimitsAreWhatTheKernelHas) {
  CgroupLimits limits;
  if (Has(Controller::kCpu)) limits.cpus = 0.5;
  if (Has(Controller::kCpu)) limits.cpu_weight = 50;
  if (Has(Controller::kMemory)) limits.memory = kMemory;
  if (Has(Controller::kPids)) limits.pids = 64;
  if (Has(Controller::kCpuset)) limits.cpuset = *CpuList::Parse("0");
  const auto cgroup = tree_->Make(limits);
  ASSERT_TRUE(cgroup.ok()) << cgroup.status();
  if (limits.cpus) {
    EXPECT_THAT(Setting(*cgroup, Controller::kCpu, "cpu.cfs_quota_us", "cpu.max"),
                testing::StartsWith("50000"));
    EXPECT_EQ(Setting(*cgroup, Controller::kCpu, "cpu.cfs_period_us", "cpu.weight"),
              tree_->Look(Controller::kCpu).version == CgroupVersion::kV1 ? "100000" : "50");
  }
  if (limits.memory) {
    EXPECT_EQ(Setting(*cgroup, Controller::kMemory, "memory.limit_in_bytes", "memory.max"),
              std::to_string(kMemory));
  }
  if (limits.pids) {
    EXPECT_EQ(Setting(*cgroup, Controller::kPids, "pids.max", "pids.max"), "64");
  }
  if (limits.cpuset) {
    EXPECT_EQ(Setting(*cgroup, Controller::kCpuset, "cpuset.cpus", "cpuset.cpus"), "0");
  }
}

TEST_F(CgroupTest, OnlyWhatIsLimitedHasACgroup) {
  if (!Has(Controller::kPids)) GTEST_SKIP() << "runs where there is a pids controller";
  CgroupLimits limits;
  limits.pids = 64;
  const auto cgroup = tree_->Make(limits);
  ASSERT_TRUE(cgroup.ok()) << cgroup.status();
  EXPECT_EQ(cgroup->Paths().size(), 1U);
}

TEST_F(CgroupTest, AProcessGetsInAndHoldsItAsLongAsItLives) {
  CgroupLimits limits;
  if (Has(Controller::kMemory)) limits.memory = kMemory;
  if (Has(Controller::kPids)) limits.pids = 64;
  if (Has(Controller::kCpuset)) limits.cpuset = *CpuList::Parse("0");
  if (Has(Controller::kCpu)) limits.cpus = 0.5;
  auto cgroup = tree_->Make(limits);
  ASSERT_TRUE(cgroup.ok()) << cgroup.status();
  const pid_t child = StartIn(*cgroup, &Pause);
  ASSERT_GT(child, 0) << std::strerror(errno);
  for (const std::string& path : cgroup->Paths()) {
    const std::string name = path.substr(path.find("/mayfly-test-"));
    EXPECT_THAT(Membership(child, name), HasSubstr(name));
  }
  EXPECT_EQ(cgroup->Remove().code(), absl::StatusCode::kUnavailable);
  ::kill(child, SIGKILL);
  WaitFor(child);
  EXPECT_TRUE(cgroup->Remove().ok());
  EXPECT_TRUE(cgroup->Remove().ok()) << "a second time";
}

TEST_F(CgroupTest, WhoTouchesTooMuchMemoryIsKilledAndThatIsSeen) {
  if (!Has(Controller::kMemory)) GTEST_SKIP() << "runs where there is a memory controller";
  const auto touch = [](size_t bytes) {
    void* const memory =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 1;
    std::memset(memory, 1, bytes);
    return 0;
  };
  const auto cgroup = tree_->Make(LittleMemory());
  ASSERT_TRUE(cgroup.ok()) << cgroup.status();
  EXPECT_EQ(WaitFor(StartIn(*cgroup, [&] { return touch(kMemory / 2); })), 0);
  EXPECT_FALSE(cgroup->OomKilled());
  const int status = WaitFor(StartIn(*cgroup, [&] { return touch(kMemory * 2); }));
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  EXPECT_TRUE(cgroup->OomKilled());
}

TEST_F(CgroupTest, BeingKilledOtherwiseIsNotForWantOfMemory) {
  if (!Has(Controller::kMemory)) GTEST_SKIP() << "runs where there is a memory controller";
  const auto cgroup = tree_->Make(LittleMemory());
  ASSERT_TRUE(cgroup.ok()) << cgroup.status();
  const pid_t child = StartIn(*cgroup, &Pause);
  ::kill(child, SIGKILL);
  WaitFor(child);
  EXPECT_FALSE(cgroup->OomKilled());
}

TEST_F(CgroupTest, NoMoreProcessesThanAllowed) {
  if (!Has(Controller::kPids)) GTEST_SKIP() << "runs where there is a pids controller";
  CgroupLimits limits;
  limits.pids = 1;
  const auto cgroup = tree_->Make(limits);
  ASSERT_TRUE(cgroup.ok()) << cgroup.status();
  const int status = WaitFor(StartIn(*cgroup, [] {
    const pid_t another = ::fork();
    return another < 0 ? errno : 0;
  }));
  EXPECT_EQ(WEXITSTATUS(status), EAGAIN);
}

TEST_F(CgroupTest, CpusThatAreNotThereAreRefused) {
  if (!Has(Controller::kCpuset)) GTEST_SKIP() << "runs where there is a cpuset controller";
  CgroupLimits limits;
  limits.cpuset = *CpuList::Parse("0,8191");
  const absl::Status status = tree_->Make(limits).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("0,8191"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("has only"));
}

TEST_F(CgroupTest, ADiskThatIsNotThereIsRefused) {
  if (!Has(Controller::kIo)) GTEST_SKIP() << "runs where there is an io controller";
  CgroupLimits limits;
  limits.io.push_back({.device = {.major = 4000, .minor = 0}, .read_bytes = 1 << 20});
  const absl::Status status = tree_->Make(limits).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("4000:0"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("give a whole disk"));
}

TEST_F(CgroupTest, ADiskIsLimited) {
  if (!Has(Controller::kIo)) GTEST_SKIP() << "runs where there is an io controller";
  struct stat info {};
  if (::stat("/dev/vda", &info) != 0) GTEST_SKIP() << "runs where there is a /dev/vda";
  CgroupLimits limits;
  const auto device = BlockDevice::At("/dev/vda");
  ASSERT_TRUE(device.ok()) << device.status();
  limits.io.push_back({.device = *device, .read_bytes = 1 << 20, .write_operations = 50});
  const auto cgroup = tree_->Make(limits);
  ASSERT_TRUE(cgroup.ok()) << cgroup.status();
  EXPECT_THAT(Setting(*cgroup, Controller::kIo, "blkio.throttle.read_bps_device", "io.max"),
              HasSubstr("1048576"));
  EXPECT_THAT(Setting(*cgroup, Controller::kIo, "blkio.throttle.write_iops_device", "io.max"),
              HasSubstr("50"));
}

TEST_F(CgroupTest, BadLimitsMakeNothing) {
  CgroupLimits limits;
  limits.pids = 0;
  EXPECT_EQ(tree_->Make(limits).status().code(), absl::StatusCode::kInvalidArgument);
  for (const std::string& parent : parents_) EXPECT_FALSE(std::filesystem::exists(parent));
}

TEST_F(CgroupTest, AGivenParentHasItsProcess) {
  const absl::Status missing = tree_->Make({}).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("there is no cgroup /mayfly-test-"));
  for (const std::string& parent : parents_) std::filesystem::create_directory(parent);
  const auto cgroup = tree_->Make({});
  ASSERT_TRUE(cgroup.ok()) << cgroup.status();
  const pid_t child = StartIn(*cgroup, &Pause);
  ASSERT_GT(child, 0) << std::strerror(errno);
  for (const std::string& parent : parents_) {
    EXPECT_TRUE(std::ranges::any_of(cgroup->Paths(), [&](const std::string& path) {
      return path.starts_with(parent + "/");
    })) << parent;
  }
  for (const std::string& path : cgroup->Paths()) {
    const std::string name = path.substr(path.find("/mayfly-test-"));
    EXPECT_THAT(Membership(child, name), HasSubstr(name));
  }
  ::kill(child, SIGKILL);
  WaitFor(child);
}

TEST_F(CgroupTest, WhatTheDeadLeaveIsSweptAndTheLivingIsNot) {
  CgroupLimits limits;
  if (Has(Controller::kMemory)) limits.memory = kMemory;
  if (Has(Controller::kPids)) limits.pids = 64;
  const auto own = tree_->Make(limits);
  ASSERT_TRUE(own.ok()) << own.status();
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t owner = ::fork();
  if (owner == 0) {
    const auto left = tree_->Make(limits);
    const char byte = left.ok() ? '1' : '0';
    if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
    ::_exit(Pause());
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, '1');
  EXPECT_EQ(tree_->SweepAll().removed, 0U) << "while the owner lives";
  const size_t parts = own->Paths().size();
  ::kill(owner, SIGKILL);
  WaitFor(owner);
  EXPECT_EQ(tree_->SweepAll().removed, parts);
  EXPECT_EQ(tree_->SweepAll().removed, 0U);
  for (const std::string& path : own->Paths()) EXPECT_TRUE(std::filesystem::exists(path));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(CgroupTest, AProcessThatOutlivesItsOwnerIsLeftAlone) {
  if (!Has(Controller::kPids)) GTEST_SKIP() << "runs where there is a pids controller";
  CgroupLimits limits;
  limits.pids = 64;
  auto cgroup = std::make_unique<absl::StatusOr<Cgroup>>(tree_->Make(limits));
  ASSERT_TRUE(cgroup->ok()) << cgroup->status();
  const std::string path = (*cgroup)->Paths().front();
  // It must not hold the lock, as no VMM does.
  const pid_t child = StartIn(**cgroup, [&] {
    ::close_range(3, ~0U, 0);
    ::raise(SIGSTOP);
    return 0;
  });
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
  ASSERT_TRUE(WIFSTOPPED(status)) << status;
  cgroup.reset();
  const Swept swept = tree_->SweepAll();
  EXPECT_EQ(swept.removed, 0U);
  EXPECT_EQ(swept.busy, 1U);
  EXPECT_TRUE(std::filesystem::exists(path));
  ::kill(child, SIGKILL);
  WaitFor(child);
  EXPECT_EQ(tree_->SweepAll().removed, 1U);
}

TEST_F(CgroupTest, SweepingNeverHurtsOneThatIsJustMade) {
  if (!Has(Controller::kPids)) GTEST_SKIP() << "runs where there is a pids controller";
  CgroupLimits limits;
  limits.pids = 64;
  const pid_t sweeper = ::fork();
  if (sweeper == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (true) (void)tree_->SweepAll();
  }
  constexpr int kRounds = 2000;
  for (int i = 0; i < kRounds; ++i) {
    const auto cgroup = tree_->Make(limits);
    ASSERT_TRUE(cgroup.ok()) << cgroup.status();
    ASSERT_EQ(Setting(*cgroup, Controller::kPids, "pids.max", "pids.max"), "64") << i;
  }
  ::kill(sweeper, SIGKILL);
  WaitFor(sweeper);
}

}  // namespace
}  // namespace mayfly::jailer
