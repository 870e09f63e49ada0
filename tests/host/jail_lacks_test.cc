// Whoever launches a VM is told what its jail lacks.

#include <grp.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "jailer/jail.h"
#include "jailer/sanitized.h"
#include "jailer/testing/key_exhaustion.h"
#include "tests/host/host_test.h"

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr uid_t kSomebody = 64'002;  // without a name, and without keys
constexpr int kCannotExhaust = 97;

class JailLacksTest : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) return;
    if (jailer::kSanitized) {
      GTEST_SKIP() << "a sanitizer's runtime is not jailed; runs in builds without";
    }
    if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else; runs as root";
    // The programs lie where nobody else may look.
    fs::create_directory(Path("programs"));
    for (const std::string program : {"mayflyd", "mayfly-vmm"}) {
      fs::copy_file(fs::current_path() / program, Path("programs/" + program));
    }
    for (const std::string place : {"", "work", "home"}) {
      ASSERT_EQ(::chmod(Path(place).c_str(), 0777), 0);
    }
  }

  static void Become() {
    const bool done = ::setgroups(0, nullptr) == 0 &&
                      ::setresgid(kSomebody, kSomebody, kSomebody) == 0 &&
                      ::setresuid(kSomebody, kSomebody, kSomebody) == 0 && jailer::UseUpKeys();
    if (!done) ::_exit(kCannotExhaust);
  }
};

TEST_F(JailLacksTest, OneThatSharesItsKeyringIsTold) {
  Command service({Path("programs/mayflyd"), "--socket", socket()}, {"HOME=" + Path("home")},
                  Path("work"));
  service.Prepare([this] { LendKvm(Path("kvm")); });
  service.Prepare(Become);
  service.Start();
  auto client = Connect();
  const auto launched = LaunchRequest(*client, "exit_status").send().wait(io_.waitScope);
  ASSERT_EQ(launched.getJailLacks().size(), 1U);
  EXPECT_THAT(launched.getJailLacks()[0].cStr(), HasSubstr("kernel.keys.maxkeys"));
  service.Signal(SIGTERM);
  const CommandResult result = service.Wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("launched; the VM has no session keyring of its own"));
}

TEST_F(JailLacksTest, WhatLacksNothingSaysNothing) {
  if (jailer::Jail::ForOne().rootless()) {
    GTEST_SKIP() << "root lacks user numbers here; runs outside of containers";
  }
  StartDaemon();
  auto client = Connect();
  const auto launched = LaunchRequest(*client, "exit_status").send().wait(io_.waitScope);
  EXPECT_EQ(launched.getJailLacks().size(), 0U);
  StopDaemon();
}

}  // namespace
}  // namespace mayfly::testing
