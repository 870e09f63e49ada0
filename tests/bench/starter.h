#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/owned_fd.h"
#include "tests/bench/jail_kind.h"
#include "tests/bench/jail_steps.h"
#include "tests/bench/jailed_starts.h"

namespace mayfly::bench {

// Who starts, and with how many mounts around.
struct StarterPlace {
  uid_t user = 0;
  size_t mounts = 0;  // beyond the host's
};

// A process that starts others when it is told to: what it is cannot be changed back. Ends when it
// is dropped. One thread at a time.
class Starter final {
 public:
  // Before there are other threads. `program`: open, of tests/bench/jail_payload.
  [[nodiscard]] static absl::StatusOr<Starter> Make(const StarterPlace& place, int program);
  Starter(Starter&&) = default;
  Starter& operator=(Starter&&) = delete;
  ~Starter();

  // As JailedStarts has them. Errors: also Unavailable, where it has gone.
  [[nodiscard]] absl::Status Check(JailKind kind);
  [[nodiscard]] absl::StatusOr<StartRound> Run(JailKind kind, size_t at_once);
  // As jail_steps.h has them.
  [[nodiscard]] absl::StatusOr<std::vector<JailStep>> MeasureWay(JailKind kind);
  [[nodiscard]] absl::StatusOr<std::vector<JailStep>> MeasureConfinement();
  [[nodiscard]] absl::StatusOr<std::vector<JailStep>> MeasureNamespaces();

 private:
  enum class Act { kCheck, kRun, kMeasureWay, kMeasureConfinement, kMeasureNamespaces };
  struct Order {
    Act act = Act::kCheck;
    JailKind kind = JailKind::kNone;
    size_t at_once = 0;
  };
  static constexpr size_t kMaxSteps = 8;
  static constexpr size_t kMaxError = 512;
  struct Answer {
    std::array<char, kMaxError> error{};  // empty where all went well
    StartRound round;
    std::array<JailStep, kMaxSteps> steps{};
    size_t step_count = 0;
  };

  Starter(pid_t pid, OwnedFd orders) : pid_(pid), orders_(std::move(orders)) {}

  [[noreturn]] static void Serve(int orders, const StarterPlace& place, int program);
  static absl::Status Obey(JailedStarts& starts, const Order& order, Answer& answer);
  [[nodiscard]] absl::StatusOr<Answer> Ask(const Order& order);
  [[nodiscard]] absl::StatusOr<std::vector<JailStep>> AskForSteps(const Order& order);

  pid_t pid_;
  OwnedFd orders_;
};

}  // namespace mayfly::bench
