#include "tests/bench/guest_bench.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "tests/bench/arguments.h"
#include "tests/bench/measured_process.h"

namespace mayfly::bench {
namespace {

// Far longer than any case, so that a VMM that hangs is an error and not for ever.
constexpr std::chrono::seconds kPatience{120};
constexpr std::string_view kBegin = "begin ";
constexpr int kDefaultRounds = 5;

}  // namespace

void AddCosts(const GuestReport& report, const HostCost& cost, std::vector<Figure>& figures) {
  constexpr double kPerThousand = 1000;  // what guests count kicks and interrupts in
  constexpr double kNanosecondsInMicrosecond = 1000;
  const double operations = report.At("operations");
  const auto each = [&](uint64_t count) { return static_cast<double>(count) / operations; };
  const double cpu = static_cast<double>(cost.cpu.count()) / kNanosecondsInMicrosecond;
  figures.push_back({"host CPU", "us/op", cpu / operations});
  figures.push_back({"kicks", "1/op", report.At("kicks") / kPerThousand});
  figures.push_back({"interrupts", "1/op", report.At("interrupts") / kPerThousand});
  if (cost.kvm_exits != 0) figures.push_back({"exits", "1/op", each(cost.kvm_exits)});
  figures.push_back({"exits to the VMM", "1/op", each(cost.user_exits)});
  figures.push_back({"device accesses", "1/op", each(cost.io_accesses)});
  figures.push_back({"halts", "1/op", each(cost.halts)});
  figures.push_back({"system calls", "1/op", each(cost.syscalls)});
}

absl::Status GuestBench::Round(std::string_view context,
                               const std::vector<GuestSubject>& subjects) {
  for (const GuestSubject& subject : subjects) {
    if (const absl::Status status = RunOnce(context, subject); !status.ok()) {
      return Annotate(status, subject.name);
    }
  }
  return absl::OkStatus();
}

absl::Status GuestBench::RunOnce(std::string_view context, const GuestSubject& subject) {
  MAYFLY_ASSIGN_OR_RETURN(MeasuredProcess process, MeasuredProcess::Start(subject.argv));
  HostCost begin;
  size_t reports = 0;
  std::string last;
  while (true) {
    MAYFLY_ASSIGN_OR_RETURN(const std::optional<std::string> line, process.ReadLine(kPatience));
    if (!line) break;
    last = *line;
    if (line->starts_with(kBegin)) {
      MAYFLY_ASSIGN_OR_RETURN(begin, process.Cost());
    } else if (const auto report = GuestReport::Parse(*line)) {
      MAYFLY_ASSIGN_OR_RETURN(const HostCost end, process.Cost());
      ++reports;
      for (const Figure& figure : evaluate_(*report, end - begin)) {
        Add(absl::StrCat(ToAbsl(context), report->name, ": ", figure.name), figure, subject.name);
      }
    }
  }
  MAYFLY_ASSIGN_OR_RETURN(const int status, process.Wait());
  if (status == subject.status && reports != 0) return absl::OkStatus();
  return absl::InternalError(absl::StrFormat("it ended with status %d, not %d; its last line: %s",
                                             status, subject.status, last));
}

void GuestBench::Add(const std::string& name, const Figure& figure, const std::string& subject) {
  auto found = std::ranges::find_if(series_, [&](const Series& series) {
    return series.name == name && series.subject == subject;
  });
  if (found == series_.end()) {
    series_.push_back({.name = name, .unit = figure.unit, .subject = subject, .values = {}});
    found = series_.end() - 1;
  }
  found->values.push_back(figure.value);
}

void GuestBench::Print(std::FILE* out) const {
  for (const Series& series : series_) {
    Samples samples(series.name, series.subject, series.unit);
    for (const double value : series.values) samples.Add(value);
    std::fprintf(out, "%s\n", samples.ToJson(bench_).c_str());
  }
  for (const Series& series : series_) {
    const Series& last =
        *std::find_if(series_.rbegin(), series_.rend(),
                      [&series](const Series& candidate) { return candidate.name == series.name; });
    if (series.subject == last.subject) continue;
    Samples quotients(series.name, absl::StrCat(series.subject, " / ", last.subject), "x");
    for (size_t i = 0; i < std::min(series.values.size(), last.values.size()); ++i) {
      if (last.values[i] != 0) quotients.Add(series.values[i] / last.values[i]);
    }
    if (!quotients.empty()) std::fprintf(out, "%s\n", quotients.ToJson(bench_).c_str());
  }
}

int GuestBenchMain(std::span<char* const> arguments, std::string_view program,
                   std::string_view words, const RunRounds& run) {
  const auto fixed = 1 + static_cast<size_t>(std::ranges::count(words, ' '));
  const int rounds = PositiveArgument(arguments, 1 + fixed, kDefaultRounds);
  if (arguments.size() < 1 + fixed || arguments.size() > 2 + fixed || rounds == 0) {
    absl::FPrintF(stderr, "usage: %s %s [ROUNDS]\n", ToAbsl(program), ToAbsl(words));
    return 2;
  }
  const absl::Status status = run(arguments.subspan(1, fixed), rounds);
  if (status.ok()) return 0;
  absl::FPrintF(stderr, "%s: %s\n", ToAbsl(program), status.message());
  return 1;
}

}  // namespace mayfly::bench
