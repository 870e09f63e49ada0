#include "tests/bench/starter.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tests/bench/host_mounts.h"

namespace mayfly::bench {
namespace {

[[nodiscard]] absl::Status Become(uid_t user) {
  if (user == 0) return absl::OkStatus();
  if (::setgroups(0, nullptr) != 0 || ::setresgid(user, user, user) != 0 ||
      ::setresuid(user, user, user) != 0) {
    return ErrnoStatus("becoming another user");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Starter> Starter::Make(const StarterPlace& place, int program) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return ErrnoStatus("making a socket pair");
  }
  OwnedFd ours(ends[0]);
  const OwnedFd theirs(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return ErrnoStatus("making a process");
  if (pid == 0) {
    ours.Reset();
    Serve(theirs.get(), place, program);
  }
  return Starter(pid, std::move(ours));
}

Starter::~Starter() {
  if (!orders_.valid()) return;  // moved from
  orders_.Reset();
  ::waitpid(pid_, nullptr, 0);
}

void Starter::Serve(int orders, const StarterPlace& place, int program) {
  absl::Status ready = AddMounts(place.mounts);
  if (ready.ok()) ready = Become(place.user);
  std::optional<JailedStarts> starts;
  if (ready.ok()) {
    absl::StatusOr<JailedStarts> made = JailedStarts::Create(program);
    if (made.ok()) {
      starts.emplace(*std::move(made));
    } else {
      ready = made.status();
    }
  }
  Order order;
  while (::read(orders, &order, sizeof order) == sizeof order) {
    Answer answer;
    const absl::Status status = ready.ok() ? Obey(*starts, order, answer) : ready;
    const std::string_view error(status.message().data(), status.message().size());
    error.copy(answer.error.data(), answer.error.size() - 1);
    if (::write(orders, &answer, sizeof answer) != sizeof answer) break;
  }
  ::_exit(0);
}

absl::Status Starter::Obey(JailedStarts& starts, const Order& order, Answer& answer) {
  absl::StatusOr<std::vector<JailStep>> steps = std::vector<JailStep>();
  switch (order.act) {
    case Act::kCheck:
      return starts.Check(order.kind);
    case Act::kRun: {
      MAYFLY_ASSIGN_OR_RETURN(answer.round, starts.Run(order.kind, order.at_once));
      return absl::OkStatus();
    }
    case Act::kMeasureWay:
      steps = bench::MeasureWay(starts.program(), starts.JailOf(order.kind));
      break;
    case Act::kMeasureConfinement:
      steps = bench::MeasureConfinement();
      break;
    case Act::kMeasureNamespaces:
      steps = bench::MeasureNamespaces();
      break;
  }
  MAYFLY_RETURN_IF_ERROR(steps.status());
  std::copy(steps->begin(), steps->end(), answer.steps.begin());
  answer.step_count = steps->size();
  return absl::OkStatus();
}

absl::StatusOr<Starter::Answer> Starter::Ask(const Order& order) {
  Answer answer;
  if (::write(orders_.get(), &order, sizeof order) != sizeof order ||
      ::read(orders_.get(), &answer, sizeof answer) != sizeof answer) {
    return absl::UnavailableError("the process that starts others has gone");
  }
  if (answer.error.front() != '\0') return absl::InternalError(answer.error.data());
  return answer;
}

absl::Status Starter::Check(JailKind kind) {
  return Ask({.act = Act::kCheck, .kind = kind}).status();
}

absl::StatusOr<StartRound> Starter::Run(JailKind kind, size_t at_once) {
  MAYFLY_ASSIGN_OR_RETURN(const Answer answer,
                          Ask({.act = Act::kRun, .kind = kind, .at_once = at_once}));
  return answer.round;
}

absl::StatusOr<std::vector<JailStep>> Starter::AskForSteps(const Order& order) {
  MAYFLY_ASSIGN_OR_RETURN(const Answer answer, Ask(order));
  return std::vector<JailStep>(
      answer.steps.begin(), answer.steps.begin() + static_cast<std::ptrdiff_t>(answer.step_count));
}

absl::StatusOr<std::vector<JailStep>> Starter::MeasureWay(JailKind kind) {
  return AskForSteps({.act = Act::kMeasureWay, .kind = kind});
}

absl::StatusOr<std::vector<JailStep>> Starter::MeasureConfinement() {
  return AskForSteps({.act = Act::kMeasureConfinement});
}

absl::StatusOr<std::vector<JailStep>> Starter::MeasureNamespaces() {
  return AskForSteps({.act = Act::kMeasureNamespaces});
}

}  // namespace mayfly::bench
