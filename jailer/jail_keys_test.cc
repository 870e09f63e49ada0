// A user who has no key left to make: VMs start all the same, and it is told.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gtest/gtest.h"
#include "jailer/lack.h"
#include "jailer/sanitized.h"
#include "jailer/spawn.h"
#include "jailer/testing/key_exhaustion.h"

namespace mayfly::jailer {
namespace {

constexpr uid_t kSomebody = 64'001;  // without a name, and without keys

enum Outcome { kAsExpected, kCannotBecome, kCannotExhaust, kCannotSpawn, kWrongKeyring, kUntold };

enum class Keys { kLeft, kUsedUp };

[[nodiscard]] Outcome SpawnAs(Keys keys) {
  const OwnedFd program(::open("jailer/jail_probe", O_PATH | O_CLOEXEC));
  if (::setresgid(kSomebody, kSomebody, kSomebody) != 0) return kCannotBecome;
  if (::setresuid(kSomebody, kSomebody, kSomebody) != 0) return kCannotBecome;
  if (keys == Keys::kUsedUp && !UseUpKeys()) return kCannotExhaust;
  const Jail jail = Jail::ForOne();
  SpawnOptions options;
  options.program = program.get();
  options.arguments = {"jail_probe"};
  options.jail = &jail;
  const auto child = Spawn(options);
  if (!child.ok()) return kCannotSpawn;
  (void)child->Wait();
  const Keyring expected = keys == Keys::kUsedUp ? Keyring::kStarters : Keyring::kOwn;
  if (child->keyring() != expected) return kWrongKeyring;
  return KeyringLack(*child).has_value() == (keys == Keys::kUsedUp) ? kAsExpected : kUntold;
}

// In a process of its own, which becomes somebody else.
[[nodiscard]] int OutcomeOf(Keys keys) {
  const pid_t somebody = ::fork();
  if (somebody == 0) ::_exit(SpawnAs(keys));
  int status = 0;
  EXPECT_EQ(::waitpid(somebody, &status, 0), somebody);
  EXPECT_TRUE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

TEST(JailKeys, AUserWithoutKeysLeftSharesItsKeyringAndIsTold) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's runtime is not jailed; runs in builds without";
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else; runs as root";
  EXPECT_EQ(OutcomeOf(Keys::kLeft), kAsExpected);
  EXPECT_EQ(OutcomeOf(Keys::kUsedUp), kAsExpected);
}

}  // namespace
}  // namespace mayfly::jailer
