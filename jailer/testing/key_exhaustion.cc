#include "jailer/testing/key_exhaustion.h"

#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace mayfly::jailer {
namespace {

// A user may have 200, unless somebody has changed that (kernel.keys.maxkeys).
constexpr long kMostKeys = 100'000;

}  // namespace

bool UseUpKeys() {
  // As after a login. Who has no session keyring may make one beyond all limits.
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0) return false;
  for (long i = 0; i < kMostKeys; ++i) {
    const std::string name = "key" + std::to_string(i);
    if (::syscall(SYS_add_key, "user", name.c_str(), "x", 1, KEY_SPEC_SESSION_KEYRING) < 0) {
      return errno == EDQUOT;
    }
  }
  return false;
}

}  // namespace mayfly::jailer
