#include "jailer/jail.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jailer/jail_check.h"
#include "jailer/sanitized.h"
#include "jailer/spawn.h"
#include "jailer/testing/prisoner.h"
#include "jailer/vm_ids.h"

namespace mayfly::jailer {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr char kProbe[] = "jailer/jail_probe";

enum class Made { kForOne, kForMany };

class JailTest : public ::testing::TestWithParam<Made> {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "a sanitizer's runtime is not jailed; runs in builds without";
    absl::StatusOr<Jail> jail =
        GetParam() == Made::kForOne ? absl::StatusOr<Jail>(Jail::ForOne()) : Jail::ForMany();
    ASSERT_TRUE(jail.ok()) << jail.status();
    jail_.emplace(*std::move(jail));
  }

  std::optional<Jail> jail_;
};

TEST_P(JailTest, HoldsNothing) {
  Prisoner prisoner(*jail_, kProbe);
  EXPECT_EQ(prisoner["entries"], "0");
  EXPECT_EQ(prisoner["creating"], "EROFS");
  const std::string mounts = prisoner.Read("mountinfo");
  EXPECT_EQ(std::count(mounts.begin(), mounts.end(), '\n'), 1) << mounts;
  EXPECT_THAT(mounts, HasSubstr(" / / ro,nosuid,nodev,noexec"));
  EXPECT_EQ(prisoner["host"], "jail");
  EXPECT_EQ(prisoner["domain"], "");
  const std::string links = prisoner.Read("net/dev");
  EXPECT_THAT(links, HasSubstr(" lo: "));
  EXPECT_EQ(std::count(links.begin(), links.end(), ':'), 1) << links;
}

// What mayfly-vmm asks before it serves a VM.
TEST_P(JailTest, IsKnownFromWithin) {
  Prisoner prisoner(*jail_, kProbe);
  EXPECT_EQ(prisoner["jailed"], "yes");
  EXPECT_FALSE(CheckJailed().ok()) << "this test is in none";
}

TEST_P(JailTest, HasOneProcess) {
  Prisoner prisoner(*jail_, kProbe);
  EXPECT_EQ(prisoner["pid"], "1");
  EXPECT_EQ(prisoner["parent"], "0");
  EXPECT_EQ(prisoner["death_signal"], std::to_string(SIGKILL));
}

TEST_P(JailTest, GivesAUserToEachWhereItCan) {
  Prisoner prisoner(*jail_, kProbe);
  if (jail_->rootless()) {
    // Shown so where it has no number.
    EXPECT_EQ(prisoner["uid"], "65534");
    EXPECT_EQ(prisoner["gid"], "65534");
    EXPECT_EQ(prisoner.Read("uid_map"), "");
    EXPECT_EQ(prisoner.Read("gid_map"), "");
  } else {
    EXPECT_EQ(prisoner["uid"], std::to_string(VmId(prisoner.pid())));
    EXPECT_EQ(prisoner["gid"], prisoner["uid"]);
    EXPECT_EQ(prisoner["groups"], "0");
  }
}

TEST_P(JailTest, KeepsVmsApart) {
  Prisoner one(*jail_, kProbe);
  Prisoner other(*jail_, kProbe);
  EXPECT_NE(one["keyring"], other["keyring"]);
  EXPECT_NE(one.Namespace("pid"), other.Namespace("pid"));
  for (const std::string kind : {"mnt", "net", "ipc", "uts"}) {
    EXPECT_NE(one.Namespace(kind), fs::read_symlink("/proc/self/ns/" + kind).string());
    const bool shared = GetParam() == Made::kForMany && !jail_->rootless();
    EXPECT_EQ(one.Namespace(kind) == other.Namespace(kind), shared) << kind;
  }
  if (jail_->rootless()) {
    EXPECT_NE(one.Namespace("user"), other.Namespace("user"));
  } else {
    EXPECT_NE(one["uid"], other["uid"]);
  }
}

TEST_P(JailTest, Limits) {
  Prisoner prisoner(*jail_, kProbe);
  EXPECT_EQ(prisoner["core"], "0");
  EXPECT_LE(std::stoul(prisoner["files"]), 1024U);
  EXPECT_LE(std::stoul(prisoner["file_size"]), 17UL << 40);
}

TEST_P(JailTest, TellsOfAProgramThatItsUserMayNotRun) {
  const std::string path = ::testing::TempDir() + "/private-program";
  fs::copy_file("jailer/jail_probe", path, fs::copy_options::overwrite_existing);
  ASSERT_EQ(::chmod(path.c_str(), S_IRWXU), 0);
  const OwnedFd program(::open(path.c_str(), O_PATH | O_CLOEXEC));
  SpawnOptions options;
  options.program = program.get();
  options.arguments = {"private-program"};
  options.jail = &*jail_;
  const absl::StatusOr<ChildProcess> child = Spawn(options);
  if (jail_->rootless()) {
    ASSERT_TRUE(child.ok()) << child.status();
    EXPECT_EQ(child->Wait().value().exit_code, 0);
  } else {
    EXPECT_THAT(child.status().message(), HasSubstr("executing the program: Permission denied"));
  }
  fs::remove(path);
}

// A child that changes its user while it shares our memory would take that from us.
TEST_P(JailTest, LeavesItsStarterReadable) {
  ASSERT_EQ(::prctl(PR_GET_DUMPABLE), 1);
  { Prisoner prisoner(*jail_, kProbe); }
  EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 1);
}

// Some on their way, some with their program already.
TEST_P(JailTest, LeavesItsStarterReadableWhenManyAreMadeAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kEach = 15;
  ASSERT_EQ(::prctl(PR_GET_DUMPABLE), 1);
  std::vector<std::thread> starters;
  starters.reserve(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    starters.emplace_back([this] {
      for (int i = 0; i < kEach; ++i) Prisoner prisoner(*jail_, kProbe);
    });
  }
  for (std::thread& starter : starters) starter.join();
  EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 1);
}

// Who may not end what is another user's could not end its VMs.
TEST_P(JailTest, GivesNoUserToVmsThatItsStarterCouldNotEnd) {
  const pid_t starter = ::fork();
  if (starter == 0) {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    ::syscall(SYS_capget, &header, sets.data());
    sets[CAP_TO_INDEX(CAP_KILL)].effective &= ~CAP_TO_MASK(CAP_KILL);
    if (::syscall(SYS_capset, &header, sets.data()) != 0) ::_exit(2);
    ::_exit(Jail::ForOne().rootless() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(starter, &status, 0), starter);
  EXPECT_EQ(status, 0);
}

INSTANTIATE_TEST_SUITE_P(, JailTest, ::testing::Values(Made::kForOne, Made::kForMany),
                         [](const auto& made) {
                           return made.param == Made::kForOne ? "ForOne" : "ForMany";
                         });

}  // namespace
}  // namespace mayfly::jailer
