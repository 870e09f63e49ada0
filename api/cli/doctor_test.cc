#include "api/cli/doctor.h"

#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/owned_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jailer/jail.h"
#include "jailer/landlock.h"
#include "jailer/sanitized.h"

namespace mayfly::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

// What KVM is asked of, where it is made up.
struct FakeKvm {
  int lacks = -1;  // a capability; -1: none
  bool knows_cpuid = true;
};
std::optional<FakeKvm>& TheFakeKvm() {
  static std::optional<FakeKvm> fake;
  return fake;
}

class LoweredLimit final {
 public:
  LoweredLimit(decltype(RLIMIT_AS) which, rlim_t soft) : which_(which) {
    EXPECT_EQ(::getrlimit(which_, &before_), 0);
    const rlimit lowered{.rlim_cur = soft, .rlim_max = before_.rlim_max};
    EXPECT_EQ(::setrlimit(which_, &lowered), 0);
  }
  LoweredLimit(const LoweredLimit&) = delete;
  LoweredLimit& operator=(const LoweredLimit&) = delete;
  ~LoweredLimit() { ::setrlimit(which_, &before_); }

 private:
  const decltype(RLIMIT_AS) which_;
  rlimit before_{};
};

// From now on, this process gets EPERM for seccomp(2).
void ForbidFilters() {
  std::array filter = {
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = static_cast<uint16_t>(filter.size()), .filter = filter.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    ::_exit(1);
  }
}

// A made-up /proc and /sys.
class DoctorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "doctor-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    paths_.root = name;
    paths_.kvm = name + "/dev/kvm";
  }
  void TearDown() override { fs::remove_all(paths_.root); }

  void Write(const std::string& path, const std::string& content) const {
    fs::create_directories(fs::path(paths_.root + path).parent_path());
    std::ofstream(paths_.root + path) << content << "\n";
  }
  [[nodiscard]] std::string Said() const { return FormatFindings(Examine(paths_)); }

  HostPaths paths_;
};

TEST_F(DoctorTest, NoKvmIsAFaultWithARemedy) {
  EXPECT_THAT(Said(), HasSubstr("FAULT KVM cannot be used"));
  EXPECT_THAT(Said(), HasSubstr("kvm_intel or kvm_amd"));
  EXPECT_THAT(Said(), HasSubstr("Guests cannot run here yet."));
}

TEST_F(DoctorTest, AFileInKvmsPlaceIsAFault) {
  Write("/dev/kvm", "no device");
  EXPECT_THAT(Said(), HasSubstr("FAULT KVM speaks version -1"));
}

TEST_F(DoctorTest, WhatKvmLacksIsNamed) {
  Write("/dev/kvm", "stands for it");
  TheFakeKvm().emplace();
  EXPECT_THAT(Said(), HasSubstr("ok    KVM has all that the VMM needs."));
  TheFakeKvm()->lacks = KVM_CAP_IOEVENTFD;
  EXPECT_THAT(Said(), HasSubstr("FAULT KVM lacks KVM_CAP_IOEVENTFD."));
  // Interrupts are raised by KVM_IRQ_LINE.
  TheFakeKvm()->lacks = KVM_CAP_IRQFD;
  EXPECT_THAT(Said(), HasSubstr("ok    KVM has all that the VMM needs."));
  TheFakeKvm().reset();
}

TEST_F(DoctorTest, AKvmThatDoesNotSayWhatCpusItHasIsAFault) {
  Write("/dev/kvm", "stands for it");
  TheFakeKvm().emplace().knows_cpuid = false;
  EXPECT_THAT(Said(), HasSubstr("FAULT KVM does not say what CPUs it offers: "));
  TheFakeKvm().reset();
}

TEST_F(DoctorTest, AMissingTunIsANoteWithARemedy) {
  paths_.tun = paths_.root + "/dev/net/tun";
  EXPECT_THAT(Said(), HasSubstr("note  Tap interfaces cannot be used"));
  EXPECT_THAT(Said(), HasSubstr("modprobe tun"));
  Write("/dev/net/tun", "");
  EXPECT_THAT(Said(), HasSubstr("note  Tap interfaces cannot be used"));
  EXPECT_THAT(Said(), HasSubstr("is not a device"));
}

TEST_F(DoctorTest, ATunAloneIsForTapsThatRootHasMade) {
  paths_.tun = "/dev/null";
  EXPECT_THAT(Said(), HasSubstr("ok    Tap interfaces that root has made for you may be used"));
}

TEST_F(DoctorTest, AMissingPasstIsANoteWithARemedy) {
  ASSERT_EQ(::setenv("MAYFLY_PASST", "/nonexistent/passt", 1), 0);
  EXPECT_THAT(Said(), HasSubstr("note  --net user cannot be used"));
  ASSERT_EQ(::setenv("MAYFLY_PASST", "/bin/true", 1), 0);
  EXPECT_THAT(Said(), HasSubstr("ok    passt is installed"));
  ::unsetenv("MAYFLY_PASST");
}

TEST_F(DoctorTest, SaysWhetherIoUringMayBeUsed) {
  io_uring_params params{};
  const OwnedFd ring(static_cast<int>(::syscall(SYS_io_uring_setup, 1, &params)));
  EXPECT_THAT(Said(), HasSubstr(ring.valid() ? "ok    io_uring may be used"
                                             : "note  io_uring cannot be used"));
}

TEST_F(DoctorTest, SaysWhetherThereIsLandlock) {
  EXPECT_THAT(Said(), HasSubstr(jailer::LandlockAbi() != 0
                                    ? "ok    VMMs are kept from files by landlock, too (ABI "
                                    : "note  This kernel has no landlock"));
}

TEST_F(DoctorTest, AMissingVmmIsAFault) {
  ASSERT_EQ(::setenv("MAYFLY_VMM", "/nonexistent/mayfly-vmm", 1), 0);
  EXPECT_THAT(Said(), HasSubstr("FAULT opening the VMM program /nonexistent/mayfly-vmm"));
  ASSERT_EQ(::setenv("MAYFLY_VMM", "/bin/true", 1), 0);
  EXPECT_THAT(Said(), HasSubstr("ok    mayfly-vmm is installed"));
  ::unsetenv("MAYFLY_VMM");
}

TEST_F(DoctorTest, TriesTheJail) {
  if (jailer::kSanitized)
    GTEST_SKIP() << "a sanitizer's runtime is not jailed; runs in builds without";
  ASSERT_EQ(::setenv("MAYFLY_VMM", "jailer/jail_probe", 1), 0);
  EXPECT_THAT(Said(), HasSubstr("VMs are jailed, "));
  // It needs a loader, and there is none.
  ASSERT_EQ(::setenv("MAYFLY_VMM", "/bin/true", 1), 0);
  EXPECT_THAT(Said(), HasSubstr("FAULT VMs cannot be jailed: executing the program: No such file"));
  ::unsetenv("MAYFLY_VMM");
}

TEST_F(DoctorTest, SaysWhoseUserVmsAre) {
  if (jailer::kSanitized)
    GTEST_SKIP() << "a sanitizer's runtime is not jailed; runs in builds without";
  ASSERT_EQ(::setenv("MAYFLY_VMM", "jailer/jail_probe", 1), 0);
  const std::string said = Said();
  ::unsetenv("MAYFLY_VMM");
  constexpr char kNumbers[] = "numbers 1879048192 to 1883242495";
  if (!jailer::Jail::ForOne().rootless()) {
    EXPECT_THAT(said, HasSubstr(absl::StrCat("ok    VMs are jailed, each as a user and group of "
                                             "its own, of the ",
                                             kNumbers)));
  } else if (::geteuid() == 0) {
    EXPECT_THAT(said, HasSubstr("note  VMs are jailed, in user namespaces of their own, but no VM "
                                "has a user of its own"));
    EXPECT_THAT(said, HasSubstr("      -> start VMs outside of containers"));
    EXPECT_THAT(said, HasSubstr(kNumbers));
  } else {
    EXPECT_THAT(said, HasSubstr("ok    VMs are jailed, in user namespaces of their own; outside, "
                                "each is this user"));
  }
}

TEST_F(DoctorTest, SaysWhetherThereAreFilters) {
  EXPECT_THAT(Said(), HasSubstr("ok    This kernel has the seccomp filters"));
}

using DoctorDeathTest = DoctorTest;

// As in a container whose manager does not let it use them.
TEST_F(DoctorDeathTest, WithoutFiltersThereIsAFaultWithARemedy) {
  const auto look = [this] {
    ForbidFilters();
    std::fputs(Said().c_str(), stderr);
    ::_exit(0);
  };
  EXPECT_EXIT(look(), ::testing::ExitedWithCode(0),
              "FAULT The seccomp filters that a VM's threads are under cannot be had: "
              "[^\n]*Operation not permitted.\n      -> Use a kernel with CONFIG_SECCOMP_FILTER");
}

TEST_F(DoctorTest, SaysHowManyVmsCanHaveKeyrings) {
  const auto with = [this](const std::string& taken) {
    Write("/proc/key-users", absl::StrCat("  999:     9 8/8 7/200 56/20000\n", ::geteuid(),
                                          ":     9 8/8 ", taken, "/200 56/20000"));
    return Said();
  };
  EXPECT_THAT(with("150"), HasSubstr("ok    50 more VMs of this user can have a session keyring"));
  const std::string said = with("195");
  EXPECT_THAT(said, HasSubstr("note  This user has 195 of the 200 keys that the kernel allows: 5 "
                              "more VMs have a session keyring of their own"));
  EXPECT_THAT(said, HasSubstr("      -> sysctl kernel.keys."));
  EXPECT_THAT(with("201"), HasSubstr("note  This user has 201 of the 200 keys that the kernel "
                                     "allows: 0 more"));
}

TEST_F(DoctorTest, WithoutKeysThereIsNothingToSay) {
  EXPECT_THAT(Said(), Not(HasSubstr("keyring")));
}

TEST_F(DoctorTest, LowLimitsAreNotes) {
  const LoweredLimit files(RLIMIT_NOFILE, 100);
  const LoweredLimit memory(RLIMIT_AS, rlim_t{64} << 40);
  EXPECT_THAT(Said(), HasSubstr("note  A process may have only 100 files open"));
  EXPECT_THAT(Said(), HasSubstr("note  Processes are limited to 64 TiB of address space"));
}

TEST_F(DoctorTest, SlowSettingsAreNotes) {
  Write("/sys/module/kvm/parameters/nx_huge_pages", "Y");
  Write("/proc/self/mountinfo",
        "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate");
  Write("/proc/sys/vm/overcommit_memory", "2");
  EXPECT_THAT(Said(), HasSubstr("note  kvm.nx_huge_pages is Y"));
  EXPECT_THAT(Said(), HasSubstr("note  cgroup2 is mounted without favordynmods"));
  EXPECT_THAT(Said(), HasSubstr("note  vm.overcommit_memory is 2"));
}

TEST_F(DoctorTest, GoodSettingsAreNotSpokenOf) {
  Write("/sys/module/kvm/parameters/nx_huge_pages", "never");
  Write("/proc/self/mountinfo",
        "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate,favordynmods");
  Write("/proc/sys/vm/overcommit_memory", "0");
  EXPECT_THAT(Said(), Not(HasSubstr("nx_huge_pages")));
  EXPECT_THAT(Said(), Not(HasSubstr("favordynmods")));
  EXPECT_THAT(Said(), Not(HasSubstr("overcommit")));
}

TEST_F(DoctorTest, SaysWhatVmsCanBeLimitedIn) {
  Write("/proc/self/mountinfo",
        "30 23 0:26 / /cgroups rw - cgroup2 cgroup2 rw,nsdelegate,favordynmods");
  Write("/proc/self/cgroup", "0::/");
  Write("/cgroups/cgroup.controllers", "cpu memory");
  Write("/cgroups/cgroup.subtree_control", "memory");
  Write("/cgroups/cgroup.procs", "1");
  const std::string said = Said();
  EXPECT_THAT(said, HasSubstr("ok    VMs can be limited in cpu, memory (" + paths_.root +
                              "/cgroups/mayfly)."));
  EXPECT_THAT(said, HasSubstr("note  VMs cannot be limited in io: " + paths_.root +
                              "/cgroups has no io controller.\n      -> use a kernel"));
}

TEST_F(DoctorTest, WithoutCgroupsSaysSoOnce) {
  Write("/proc/self/mountinfo", "23 1 0:22 / /proc rw - proc proc rw");
  Write("/proc/self/cgroup", "");
  EXPECT_THAT(Said(), HasSubstr("note  VMs cannot be limited in cpu, cpuset, io, memory, pids: no "
                                "cgroups with their controllers are mounted."));
}

TEST(FormatFindings, ANoteDoesNotStopGuests) {
  const std::vector<Finding> findings = {{Finding::Weight::kGood, "Fine.", ""},
                                         {Finding::Weight::kNote, "Slow.", "Be quick."}};
  EXPECT_EQ(FormatFindings(findings),
            "ok    Fine.\nnote  Slow.\n      -> Be quick.\nGuests can run here.\n");
}

int AnswerIoctl(int fd, unsigned long request, unsigned long argument) {
  const std::optional<FakeKvm>& fake = TheFakeKvm();
  if (!fake) return static_cast<int>(::syscall(SYS_ioctl, fd, request, argument));
  if (request == KVM_GET_API_VERSION) return KVM_API_VERSION;
  if (request == KVM_CHECK_EXTENSION) return static_cast<int>(argument) == fake->lacks ? 0 : 1;
  if (fake->knows_cpuid) return 0;
  errno = EIO;
  return -1;
}

}  // namespace
}  // namespace mayfly::cli

// In libc's place: no host has a KVM that lacks what is needed.
extern "C" int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  const auto argument = va_arg(arguments, unsigned long);
  va_end(arguments);
  return mayfly::cli::AnswerIoctl(fd, request, argument);
}
