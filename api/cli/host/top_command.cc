#include <capnp/message.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "api/cli/exit_code.h"
#include "api/cli/host/commands.h"
#include "api/cli/host/host_command.h"
#include "api/cli/host/machine_rows.h"
#include "api/cli/option_words.h"
#include "api/cli/output/json.h"
#include "api/cli/output/reports.capnp.h"
#include "api/cli/say.h"
#include "api/cli/table/commands.h"
#include "api/cli/units.h"
#include "base/clock.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

constexpr uint64_t kForEver = 0;
constexpr std::string_view kHomeAndClear = "\x1b[H\x1b[J";

struct TopOptions {
  Nanoseconds every = std::chrono::seconds(1);
  uint64_t count = kForEver;
};

[[nodiscard]] absl::Status Apply(int id, std::string_view value, TopOptions& options) {
  if (static_cast<TopOption>(id) == TopOption::kCount) {
    const auto count = ParseNumber(value, 1, 1'000'000);
    if (!count.ok()) return Annotate(count.status(), "--count");
    options.count = *count;
    return absl::OkStatus();
  }
  const auto every = ParseDuration(value);
  if (!every.ok()) return Annotate(every.status(), "--every");
  if (*every < std::chrono::milliseconds(100)) {
    return BadOption("--every", "give 100ms or more");
  }
  options.every = *every;
  return absl::OkStatus();
}

// A VM, and what it has had of one CPU since the last look.
struct Row {
  double share;
  rpc::MachineInfo::Reader machine;
};

// What the VMs do between two looks at them.
class Top final {
 public:
  explicit Top(HostClient& host) : host_(host) {}

  // Looks; what it answers has what happened since the last look. Errors: the host's.
  [[nodiscard]] absl::StatusOr<std::string> Look(Format format) {
    MAYFLY_ASSIGN_OR_RETURN(const auto list, host_.List({}));
    MAYFLY_ASSIGN_OR_RETURN(const auto capacity,
                            host_.Await(host_.host().capacityRequest().send()));
    const Nanoseconds now = MonotonicNow();
    std::map<uint64_t, uint64_t> cpu_now;
    std::vector<Row> rows;
    for (const auto machine : list.getMachines()) {
      if (machine.getState() == rpc::MachineState::ENDED) continue;
      cpu_now[machine.getId()] = machine.getCpuNanoseconds();
      rows.push_back({.share = Share(machine, now), .machine = machine});
    }
    cpu_before_ = std::move(cpu_now);
    before_ = now;
    std::ranges::stable_sort(rows, std::greater(), &Row::share);
    if (format == Format::kJson) return Line(capacity.getCapacity(), rows);
    return Heading(capacity.getCapacity()) + Table(rows).Format(UsesColours(STDOUT_FILENO));
  }

 private:
  // Of one CPU, since the last look.
  [[nodiscard]] double Share(rpc::MachineInfo::Reader machine, Nanoseconds now) const {
    const auto found = cpu_before_.find(machine.getId());
    const uint64_t cpu = machine.getCpuNanoseconds();
    if (found == cpu_before_.end() || cpu < found->second || now <= before_) return 0;
    return static_cast<double>(cpu - found->second) / static_cast<double>((now - before_).count());
  }

  [[nodiscard]] static std::string Line(rpc::HostCapacity::Reader capacity,
                                        const std::vector<Row>& rows) {
    capnp::MallocMessageBuilder message;
    auto look = message.initRoot<report::Look>();
    look.setCapacity(capacity);
    auto machines = look.initMachines(static_cast<capnp::uint>(rows.size()));
    capnp::uint position = 0;
    for (const Row& row : rows) {
      auto entry = machines[position++];
      entry.setCpuShare(row.share);
      entry.setInfo(row.machine);
    }
    return ToJsonLine(look.asReader());
  }

  [[nodiscard]] static std::string Heading(rpc::HostCapacity::Reader capacity) {
    return absl::StrCat(capacity.getMachines(), " VMs with ", capacity.getCpus(),
                        " CPUs (this host: ", capacity.getHostCpus(), ") and ",
                        FormatSize(capacity.getMemoryBytes()),
                        " of memory (this host: ", FormatSize(capacity.getHostMemoryBytes()),
                        ")\n\n");
  }

  [[nodiscard]] static TextTable Table(const std::vector<Row>& rows) {
    constexpr double kPercent = 100;
    TextTable table({"NAME", "STATE", "CPU", "CPU TIME", "RESIDENT", "MEMORY", "PID"});
    for (const auto& [share, machine] : rows) {
      table.Add({{NameOf(machine)},
                 StateCell(machine.getState()),
                 {absl::StrFormat("%.1f%%", share * kPercent)},
                 {FormatSpan(machine.getCpuNanoseconds())},
                 {FormatSize(machine.getResidentBytes())},
                 {FormatSize(machine.getMemoryBytes())},
                 {absl::StrCat(machine.getPid())}});
    }
    return table;
  }

  HostClient& host_;
  std::map<uint64_t, uint64_t> cpu_before_;
  Nanoseconds before_{0};
};

}  // namespace

int TopCommand(std::span<char* const> arguments) {
  HostCommand command(kTopCommand, arguments);
  TopOptions options;
  const auto code =
      command.Read([&](int id, std::string_view value) { return Apply(id, value, options); });
  if (code) return *code;
  auto host = command.Connect();
  if (!host.ok()) return command.Finish(host.status());
  const bool is_terminal = ::isatty(STDOUT_FILENO) == 1;
  const bool is_drawn = is_terminal && command.format() == Format::kText;
  const uint64_t count = options.count != kForEver ? options.count : is_terminal ? kForEver : 1;
  Top top(**host);
  // Nothing is known of the time before the first look.
  absl::StatusOr<std::string> text = top.Look(command.format());
  for (uint64_t shown = 0; text.ok() && (count == kForEver || shown < count); ++shown) {
    (*host)->Pause(options.every);
    text = top.Look(command.format());
    if (!text.ok()) break;
    if (is_drawn) text->insert(0, kHomeAndClear);
    if (const int failure = Print(*text); failure != 0) return failure;
  }
  return command.Finish(text.status());
}

}  // namespace mayfly::cli
