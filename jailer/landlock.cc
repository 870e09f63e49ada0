#include "jailer/landlock.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/owned_fd.h"
#include "base/status.h"

namespace mayfly::jailer {
namespace {

// struct landlock_ruleset_attr of Linux 6.12, which is younger than the headers that Mayfly builds
// with.
struct RulesetAttributes {
  uint64_t handled_access_fs = 0;
  uint64_t handled_access_net = 0;
  uint64_t scoped = 0;
};

// What an ABI can restrict, and how much of the attributes it knows.
struct Abi {
  RulesetAttributes attributes;
  size_t size;
};

constexpr uint32_t kCreateRulesetVersion = 1;
constexpr uint64_t Bits(unsigned count) { return (uint64_t{1} << count) - 1; }

// By version, from 1: each has the rights of those before it, and more (the header's
// LANDLOCK_ACCESS_FS_*, in their order): REFER, TRUNCATE, then binding and connecting TCP sockets,
// IOCTL_DEV, then the scopes of abstract Unix sockets and signals.
constexpr size_t kFsOnly = offsetof(RulesetAttributes, handled_access_net);
constexpr size_t kFsAndNet = offsetof(RulesetAttributes, scoped);
constexpr std::array kAbis = {
    Abi{{.handled_access_fs = Bits(13)}, kFsOnly},
    Abi{{.handled_access_fs = Bits(14)}, kFsOnly},
    Abi{{.handled_access_fs = Bits(15)}, kFsOnly},
    Abi{{.handled_access_fs = Bits(15), .handled_access_net = Bits(2)}, kFsAndNet},
    Abi{{.handled_access_fs = Bits(16), .handled_access_net = Bits(2)}, kFsAndNet},
    Abi{{.handled_access_fs = Bits(16), .handled_access_net = Bits(2), .scoped = Bits(2)},
        sizeof(RulesetAttributes)},
};

}  // namespace

int LandlockAbi() {
  // Any error means that there is none: the call has no other use.
  const auto version =
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, nullptr, 0, kCreateRulesetVersion));
  return std::max(version, 0);
}

absl::Status ForsakeFiles() {
  const int version = LandlockAbi();
  if (version == 0) return absl::OkStatus();
  const Abi& abi = kAbis.at(std::min(static_cast<size_t>(version), kAbis.size()) - 1);
  const OwnedFd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &abi.attributes, abi.size, 0)));
  if (!ruleset.valid()) return ErrnoStatus("making a landlock ruleset");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return ErrnoStatus("renouncing new privileges");
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return ErrnoStatus("enforcing a landlock ruleset");
  }
  return absl::OkStatus();
}

}  // namespace mayfly::jailer
