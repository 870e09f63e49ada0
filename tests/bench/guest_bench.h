#pragma once

#include <cstdio>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "tests/bench/guest_report.h"
#include "tests/bench/host_counters.h"
#include "tests/bench/samples.h"

namespace mayfly::bench {

// A command that runs a benchmark guest to its end, with this exit status.
struct GuestSubject {
  std::string name;
  std::vector<std::string> argv;
  int status = 0;
};

// Figures of one case by their name, unit included: "operations, 1/s".
struct Figure {
  std::string name;
  std::string unit;
  double value = 0;
};

// Adds what each operation cost: host CPU, and exits, kicks, interrupts and the like.
void AddCosts(const GuestReport& report, const HostCost& cost, std::vector<Figure>& figures);

// Runs benchmark guests under several VMMs by turns, and collects what guest and host measured.
//
// A guest prints "begin NAME", measures, prints a line as GuestReport has it, and rests a moment
// around both lines: what its VMM cost the host in between is the cost of the case.
class GuestBench final {
 public:
  // Makes the figures of a case.
  using Evaluate = std::function<std::vector<Figure>(const GuestReport&, const HostCost&)>;

  GuestBench(std::string bench, Evaluate evaluate)
      : bench_(std::move(bench)), evaluate_(std::move(evaluate)) {}

  // One run of each subject, in their order. `context` goes before the names of the cases. Errors:
  // a guest that does not come to its end as it should.
  [[nodiscard]] absl::Status Round(std::string_view context,
                                   const std::vector<GuestSubject>& subjects);
  // JSON lines, as ci/bench describes: for every figure each subject, then the quotients of each
  // and the last subject in the same round.
  void Print(std::FILE* out) const;

 private:
  // What one subject gave for one figure, a value for each round.
  struct Series {
    std::string name;
    std::string unit;
    std::string subject;
    std::vector<double> values;
  };

  [[nodiscard]] absl::Status RunOnce(std::string_view context, const GuestSubject& subject);
  void Add(const std::string& name, const Figure& figure, const std::string& subject);

  const std::string bench_;
  const Evaluate evaluate_;
  std::vector<Series> series_;  // in the order in which they came up
};

// Makes a round of a benchmark `rounds` times; `words` are those of its command line before that.
using RunRounds = std::function<absl::Status(std::span<char* const> words, int rounds)>;

// main() of the benchmark `program`, whose arguments are `words` ("BINARIES DIRECTORY") and a
// number of rounds, which may be left out. Returns its exit status.
[[nodiscard]] int GuestBenchMain(std::span<char* const> arguments, std::string_view program,
                                 std::string_view words, const RunRounds& run);

}  // namespace mayfly::bench
