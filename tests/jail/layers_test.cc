// The layers around a VMM without its filters: the jail, landlock, and having another user, each
// without the others.

#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jailer/jail.h"
#include "jailer/landlock.h"
#include "jailer/sanitized.h"
#include "tests/jail/attacker_run.h"

namespace mayfly::testing {
namespace {

constexpr const jailer::Jail* kNoJail = nullptr;
// Versions of landlock (jailer/landlock.h).
constexpr int kLandlocksTcp = 4;
constexpr int kLandlocksScopes = 6;

class LayersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (jailer::kSanitized)
      GTEST_SKIP() << "a sanitizer's runtime is not jailed; runs in builds without one";
    jail_.emplace(jailer::Jail::ForOne());
  }

  // What comes of an attack from within the jail, which nothing else holds.
  [[nodiscard]] std::string InJail(const std::string& attack) const {
    return attacker_.Run("none", attack, &*jail_).result;
  }
  [[nodiscard]] std::string WithLandlock(const std::string& attack) const {
    return attacker_.Run("landlock", attack, kNoJail).result;
  }
  [[nodiscard]] std::string AsAnotherUser(const std::string& attack) const {
    return attacker_.RunWithPrivileges("user", attack).result;
  }
  [[nodiscard]] std::string WithoutPrivileges(const std::string& attack) const {
    return attacker_.Run("none", attack, kNoJail).result;
  }

  AttackerRun attacker_;
  std::optional<jailer::Jail> jail_;
};

// Otherwise nothing below would show anything.
TEST_F(LayersTest, TheAttacksWorkWhereNothingHoldsThem) {
  for (const char* attack :
       {"open a file", "connect to the host", "connect to an abstract socket", "make a socket",
        "map executable memory", "kill a process", "hold a process", "make a VM"}) {
    EXPECT_EQ(WithoutPrivileges(attack), "DONE") << attack;
  }
}

TEST_F(LayersTest, NoFile) {
  EXPECT_EQ(InJail("open a file"), "ENOENT");
  EXPECT_EQ(InJail("look a file up"), "ENOENT");
  EXPECT_EQ(InJail("run a program"), "ENOENT");
  EXPECT_EQ(InJail("create a file"), "EROFS");
}

TEST_F(LayersTest, NoFileByLandlockAlone) {
  if (jailer::LandlockAbi() == 0) GTEST_SKIP() << "this kernel has no landlock";
  EXPECT_EQ(WithLandlock("open a file"), "EACCES");
  EXPECT_EQ(WithLandlock("run a program"), "EACCES");
}

TEST_F(LayersTest, NoNetwork) {
  EXPECT_EQ(InJail("make a socket"), "DONE") << "a namespace keeps nobody from that";
  EXPECT_EQ(InJail("connect to the host"), "ENETUNREACH");
  EXPECT_EQ(InJail("connect to an abstract socket"), "ECONNREFUSED");
}

TEST_F(LayersTest, NoTcpByLandlockAlone) {
  if (jailer::LandlockAbi() < kLandlocksTcp)
    GTEST_SKIP() << "this kernel's landlock knows no TCP; runs with Linux 6.7 or later";
  EXPECT_EQ(WithLandlock("connect to the host"), "EACCES");
}

TEST_F(LayersTest, NoAbstractSocketByLandlockAlone) {
  if (jailer::LandlockAbi() < kLandlocksScopes)
    GTEST_SKIP() << "this kernel's landlock has no scopes; runs with Linux 6.12 or later";
  EXPECT_EQ(WithLandlock("connect to an abstract socket"), "EPERM");
}

TEST_F(LayersTest, NoSignalByLandlockAlone) {
  if (jailer::LandlockAbi() < kLandlocksScopes)
    GTEST_SKIP() << "this kernel's landlock has no scopes; runs with Linux 6.12 or later";
  EXPECT_EQ(WithLandlock("kill a process"), "EPERM");
}

TEST_F(LayersTest, NoOtherProcessByItsUserAlone) {
  if (jail_->rootless()) GTEST_SKIP() << "none but root gives a VM another user; runs as root";
  for (const char* attack : {"kill a process", "trace a process", "read a process"}) {
    EXPECT_EQ(AsAnotherUser(attack), "EPERM") << attack;
  }
}

TEST_F(LayersTest, NoOtherProcess) {
  for (const char* attack :
       {"kill a process", "kill all", "trace a process", "read a process", "hold a process"}) {
    EXPECT_EQ(InJail(attack), "ESRCH") << attack;
  }
}

TEST_F(LayersTest, NoPrivilege) {
  for (const char* attack : {"mount", "unmount", "change the root", "turn the root",
                             "leave a namespace", "leave a host name", "make a raw socket",
                             "become root", "raise a limit", "switch the host off"}) {
    if (::geteuid() == 0 && std::string_view(attack) == "become root") continue;  // it is root
    EXPECT_EQ(WithoutPrivileges(attack), "EPERM") << attack;
  }
}

// Neither root, which it is not any more, nor anybody else by way of a user namespace.
TEST_F(LayersTest, NobodyElseToBecome) {
  EXPECT_EQ(InJail("become root"), jail_->rootless() ? "EINVAL" : "EPERM");
  if (jail_->rootless()) {
    EXPECT_EQ(InJail("make a user namespace"), "EPERM");
  }
}

}  // namespace
}  // namespace mayfly::testing
