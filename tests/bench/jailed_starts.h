#pragma once

#include <array>
#include <cstddef>
#include <latch>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/owned_fd.h"
#include "jailer/cgroup/cgroup_tree.h"
#include "jailer/jail.h"
#include "tests/bench/jail_kind.h"

namespace mayfly::bench {

inline constexpr size_t kMostAtOnce = 10;

// From just before a process was asked for, its cgroup included.
struct StartTimes {
  Nanoseconds begin{};   // MonotonicNow()
  Nanoseconds cgroup{};  // until its cgroup was made
  Nanoseconds spawn{};   // until Spawn() came back
  Nanoseconds main{};    // until its program began
  Nanoseconds acted{};   // until its program, confined by itself too, did something
};

// Some starts at once.
struct StartRound {
  std::array<StartTimes, kMostAtOnce> each{};
  Nanoseconds all{};  // from the first one's begin until all have acted
};

// Starts tests/bench/jail_payload, as whoever calls it.
class JailedStarts final {
 public:
  // `program`: open. Errors: those of making jails; FailedPrecondition for root who may not make
  // what is to be measured.
  [[nodiscard]] static absl::StatusOr<JailedStarts> Create(int program);

  // Why there are no starts of this kind, where there are none.
  [[nodiscard]] absl::Status Check(JailKind kind);
  [[nodiscard]] absl::StatusOr<StartRound> Run(JailKind kind, size_t at_once);

  // None for JailKind::kNone.
  [[nodiscard]] const jailer::Jail* JailOf(JailKind kind) const;
  [[nodiscard]] int program() const { return program_; }

 private:
  JailedStarts(int program, jailer::Jail prepared, jailer::Jail lone, jailer::CgroupTree cgroups)
      : program_(program),
        prepared_(std::move(prepared)),
        lone_(std::move(lone)),
        cgroups_(std::move(cgroups)) {}

  [[nodiscard]] absl::StatusOr<StartTimes> RunOne(JailKind kind, std::latch& together);
  [[nodiscard]] absl::StatusOr<jailer::Cgroup> MakeCgroup();

  int program_;
  jailer::Jail prepared_;
  jailer::Jail lone_;
  jailer::CgroupTree cgroups_;
};

}  // namespace mayfly::bench
