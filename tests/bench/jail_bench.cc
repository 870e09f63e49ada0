// jail_bench BINARIES [RUNS]: how much longer a start takes in a jail, the subjects interleaved run
// by run so that a noisy moment hits all of them alike. BINARIES is a folder laid out as Bazel's
// output. For root. Prints JSON lines, as ci/bench describes.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/owned_fd.h"
#include "base/status.h"
#include "tests/bench/arguments.h"
#include "tests/bench/jail_kind.h"
#include "tests/bench/samples.h"
#include "tests/bench/starter.h"

namespace mayfly::bench {
namespace {

constexpr std::string_view kBench = "jail";
constexpr int kDefaultRuns = 200;
constexpr int kWarmUps = 3;
constexpr std::array kMounts = {size_t{0}, size_t{500}};
constexpr std::array kAtOnce = {size_t{1}, kMostAtOnce};
// Any that is not root; nobody's, as most hosts have it.
constexpr uid_t kOrdinaryUser = 65534;
// Network namespaces are taken down by the kernel's workers.
constexpr std::chrono::milliseconds kSettle{10};
constexpr double kNanosecondsInMillisecond = 1e6;
constexpr double kNanosecondsInMicrosecond = 1e3;

double Milliseconds(Nanoseconds time) {
  return static_cast<double>(time.count()) / kNanosecondsInMillisecond;
}

double Microseconds(Nanoseconds time) {
  return static_cast<double>(time.count()) / kNanosecondsInMicrosecond;
}

// Root and an ordinary user, side by side.
class Starters final {
 public:
  static absl::StatusOr<Starters> Make(size_t mounts, int program) {
    MAYFLY_ASSIGN_OR_RETURN(Starter root, Starter::Make({.mounts = mounts}, program));
    MAYFLY_ASSIGN_OR_RETURN(Starter user,
                            Starter::Make({.user = kOrdinaryUser, .mounts = mounts}, program));
    return Starters(std::move(root), std::move(user));
  }
  [[nodiscard]] Starter& Of(JailKind kind) { return kind == JailKind::kLoneUser ? user_ : root_; }

 private:
  Starters(Starter root, Starter user) : root_(std::move(root)), user_(std::move(user)) {}

  Starter root_;
  Starter user_;
};

class JailBench final {
 public:
  JailBench(int program, int runs) : program_(program), runs_(runs) {}

  absl::Status Run() {
    for (const size_t mounts : kMounts) {
      MAYFLY_ASSIGN_OR_RETURN(Starters starters, Starters::Make(mounts, program_));
      MAYFLY_RETURN_IF_ERROR(ChooseKinds(starters));
      for (const size_t at_once : kAtOnce) {
        MAYFLY_RETURN_IF_ERROR(RunStarts(starters, mounts, at_once));
      }
      MAYFLY_RETURN_IF_ERROR(RunSteps(starters, mounts));
    }
    return absl::OkStatus();
  }
  void Print() const {
    for (const std::string& name : order_) {
      for (const Samples& samples : cases_.at(name)) std::puts(samples.ToJson(kBench).c_str());
    }
  }

 private:
  absl::Status ChooseKinds(Starters& starters) {
    kinds_.clear();
    for (const JailKind kind : kJailKinds) {
      absl::Status can = starters.Of(kind).Check(kind);
      if (can.ok()) {
        kinds_.push_back(kind);
      } else if (kind == JailKind::kInCgroup) {
        std::fprintf(stderr, "jail_bench: without cgroups: %s\n",
                     std::string(can.message()).c_str());
      } else {
        return can;
      }
    }
    return absl::OkStatus();
  }

  absl::Status RunStarts(Starters& starters, size_t mounts, size_t at_once) {
    const std::string where = absl::StrCat(", ", at_once, " at once, ", mounts, " mounts");
    for (int i = -kWarmUps; i < runs_; ++i) {
      std::map<JailKind, StartRound> turn;
      for (const JailKind kind : kinds_) {
        std::this_thread::sleep_for(kSettle);
        MAYFLY_ASSIGN_OR_RETURN(turn[kind], starters.Of(kind).Run(kind, at_once));
      }
      // Nobody always has the same one before it.
      std::rotate(kinds_.begin(), kinds_.begin() + 1, kinds_.end());
      if (i < 0) continue;
      for (const auto& [kind, round] : turn)
        Keep(kind, round, turn[JailKind::kNone], at_once, where);
    }
    return absl::OkStatus();
  }

  void Keep(JailKind kind, const StartRound& round, const StartRound& plain, size_t at_once,
            const std::string& where) {
    const std::string subject = JailKindName(kind);
    for (size_t i = 0; i < at_once; ++i) {
      const StartTimes& times = round.each.at(i);
      Add("spawned" + where, subject, "ms", Milliseconds(times.spawn));
      Add("first act" + where, subject, "ms", Milliseconds(times.acted));
    }
    if (kind == JailKind::kInCgroup && at_once == 1) {
      Add("step: cgroup made, limited", subject, "us", Microseconds(round.each.front().cgroup));
    }
    // A start's share where there are several.
    const auto added = [&](Nanoseconds with, Nanoseconds without) {
      return Milliseconds(with - without) / static_cast<double>(at_once);
    };
    if (at_once > 1) Add("all, for each" + where, subject, "ms", added(round.all, {}));
    if (kind != JailKind::kNone) Add("added" + where, subject, "ms", added(round.all, plain.all));
  }

  // The way alone is longer where there are more mounts.
  absl::Status RunSteps(Starters& starters, size_t mounts) {
    const std::string where = absl::StrCat(", ", mounts, " mounts");
    for (int i = -kWarmUps; i < runs_; ++i) {
      const auto add = [&](const std::vector<JailStep>& steps, const std::string& subject) {
        for (const JailStep& step : steps) {
          if (i < 0) continue;
          Add(absl::StrCat("step: ", step.name.data(), where), subject, "us",
              Microseconds(step.took));
        }
      };
      for (const JailKind kind :
           {JailKind::kNone, JailKind::kPrepared, JailKind::kLoneRoot, JailKind::kLoneUser}) {
        std::this_thread::sleep_for(kSettle);
        MAYFLY_ASSIGN_OR_RETURN(const auto steps, starters.Of(kind).MeasureWay(kind));
        add(steps, JailKindName(kind));
      }
      if (mounts != 0) continue;
      Starter& root = starters.Of(JailKind::kNone);
      std::this_thread::sleep_for(kSettle);
      MAYFLY_ASSIGN_OR_RETURN(const auto confinement, root.MeasureConfinement());
      add(confinement, "mayfly-vmm");
      std::this_thread::sleep_for(kSettle);
      MAYFLY_ASSIGN_OR_RETURN(const auto namespaces, root.MeasureNamespaces());
      add(namespaces, "one kind");
    }
    return absl::OkStatus();
  }

  void Add(const std::string& name, const std::string& subject, const char* unit, double value) {
    const auto [found, is_new] = cases_.try_emplace(name);
    if (is_new) order_.push_back(name);
    std::vector<Samples>& subjects = found->second;
    const auto same = std::ranges::find(subjects, subject, &Samples::subject);
    Samples& samples = same != subjects.end() ? *same : subjects.emplace_back(name, subject, unit);
    samples.Add(value);
  }

  int program_;
  int runs_;
  std::vector<JailKind> kinds_;
  std::map<std::string, std::vector<Samples>> cases_;
  std::vector<std::string> order_;  // of the cases
};

int Fail(std::string_view what) {
  std::fprintf(stderr, "jail_bench: %.*s\n", static_cast<int>(what.size()), what.data());
  return 1;
}

int Main(const std::string& binaries, int runs) {
  if (::geteuid() != 0) return Fail("run it as root: one of its subjects is an ordinary user");
  const std::string path = binaries + "/tests/bench/jail_payload";
  const OwnedFd program(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!program.valid()) return Fail(ErrnoStatus("opening " + path).ToString());
  JailBench bench(program.get(), runs);
  if (const absl::Status status = bench.Run(); !status.ok()) return Fail(status.ToString());
  bench.Print();
  return 0;
}

}  // namespace
}  // namespace mayfly::bench

int main(int argc, char** argv) {
  using namespace mayfly::bench;
  const std::span arguments(argv, static_cast<size_t>(argc));
  const int runs = PositiveArgument(arguments, 2, kDefaultRuns);
  if (arguments.size() < 2 || arguments.size() > 3 || runs == 0) {
    std::fputs("usage: jail_bench BINARIES [RUNS]\n", stderr);
    return 2;
  }
  return Main(arguments[1], runs);
}
