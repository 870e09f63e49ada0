// What two VMs of one jail could tell each other, both taken over and without their filters: see
// docs/THREATS.md. That a filter leaves them no call for any of it, tests/jail/attacks_test shows.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jailer/jail.h"
#include "jailer/landlock.h"
#include "jailer/sanitized.h"
#include "jailer/testing/prisoner.h"

namespace mayfly::jailer {
namespace {

constexpr char kProbe[] = "jailer/sharing_probe";

class SharingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "a sanitizer's runtime is not jailed; runs in builds without";
  }
  // One that leaves something, then one that looks for it.
  void Start(absl::StatusOr<Jail> jail, const std::string& confinement) {
    ASSERT_TRUE(jail.ok()) << jail.status();
    jail_.emplace(*std::move(jail));
    leaver_.emplace(*jail_, kProbe, std::vector<std::string>{"leave", confinement});
    taker_.emplace(*jail_, kProbe,
                   std::vector<std::string>{"take", confinement, (*leaver_)["keyring number"],
                                            (*leaver_)["key number"]});
  }
  void ExpectNothingByFilesNamesAndKeys() {
    for (const char* change : {"attribute", "mode"}) {
      EXPECT_EQ((*leaver_)[change], "EROFS") << change;
    }
    EXPECT_EQ((*leaver_)["host name"], "EPERM");
    EXPECT_THAT((*taker_)["proc"], ::testing::AnyOf("ENOENT", "EACCES"));
    EXPECT_GT(std::stol((*leaver_)["key number"]), 0);
    EXPECT_EQ((*taker_)["own key"], "DONE");
    EXPECT_EQ((*taker_)["key"], "EACCES");
    EXPECT_EQ((*taker_)["keyring"], "EACCES");
    // VMs of one user are one user to keyrings, in whatever user namespace.
    EXPECT_EQ((*taker_)["list of keys"], jail_->rootless() ? "DONE" : "EACCES");
  }

  std::optional<Jail> jail_;
  std::optional<Prisoner> leaver_;
  std::optional<Prisoner> taker_;
};

TEST_F(SharingTest, NothingOfASharedJailCanBeChanged) {
  Start(Jail::ForMany(), "none");
  ExpectNothingByFilesNamesAndKeys();
  if (jail_->rootless()) return;  // and nothing is shared
  for (const char* kind : {"shared memory", "semaphore", "messages", "queue"}) {
    EXPECT_EQ((*leaver_)[kind], "ENOSPC") << kind;
  }
  // What is open all the same. Otherwise it would say nothing that the others below are shut.
  for (const char* kind : {"abstract socket", "netlink"}) {
    EXPECT_EQ((*taker_)[kind], "DONE") << kind;
  }
  EXPECT_EQ((*taker_)["udp port"], "EADDRINUSE");
  EXPECT_EQ((*taker_)["lock"], "EAGAIN");
}

TEST_F(SharingTest, LandlockClosesTheChannelsItKnows) {
  constexpr int kHasTcp = 4;
  constexpr int kHasAbstractSockets = 6;
  Start(Jail::ForMany(), "landlock");
  ExpectNothingByFilesNamesAndKeys();
  if (LandlockAbi() == 0) GTEST_SKIP() << "this kernel has no landlock";
  EXPECT_EQ((*taker_)["lock"], "EACCES");
  // In a user namespace without users it cannot even be made: EOVERFLOW.
  EXPECT_NE((*leaver_)["queue"], "DONE");
  if (LandlockAbi() < kHasTcp) GTEST_SKIP() << "ports: runs from Linux 6.7 on";
  EXPECT_EQ((*leaver_)["tcp port"], "EACCES");
  if (LandlockAbi() < kHasAbstractSockets) GTEST_SKIP() << "sockets: runs from Linux 6.12 on";
  // Where all is each one's own, there is no such socket.
  EXPECT_EQ((*taker_)["abstract socket"], jail_->rootless() ? "ECONNREFUSED" : "EPERM");
}

TEST_F(SharingTest, JailsOfTheirOwnHaveNoChannel) {
  Start(Jail::ForOne(), "none");
  ExpectNothingByFilesNamesAndKeys();
  for (const char* kind : {"shared memory", "semaphore", "messages"}) {
    EXPECT_EQ((*leaver_)[kind], "DONE") << kind;
    EXPECT_EQ((*taker_)[kind], "ENOENT") << kind;
  }
  EXPECT_EQ((*taker_)["queue"], "ENOENT");
  for (const char* kind : {"abstract socket", "netlink"}) {
    EXPECT_EQ((*leaver_)[kind], "DONE") << kind;
    EXPECT_EQ((*taker_)[kind], "ECONNREFUSED") << kind;
  }
  for (const char* kind : {"udp port", "tcp port", "lock"}) {
    EXPECT_EQ((*leaver_)[kind], "DONE") << kind;
    EXPECT_EQ((*taker_)[kind], "DONE") << kind;
  }
}

}  // namespace
}  // namespace mayfly::jailer
