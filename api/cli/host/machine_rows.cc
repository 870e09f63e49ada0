#include "api/cli/host/machine_rows.h"

#include <array>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "api/cli/units.h"
#include "api/codec/text.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

[[nodiscard]] uint64_t NanosecondsSince1970() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

[[nodiscard]] std::string Labels(rpc::MachineInfo::Reader machine) {
  std::string out;
  for (const auto label : machine.getLabels()) {
    absl::StrAppend(&out, out.empty() ? "" : ",", api::FromText(label.getName()), "=",
                    api::FromText(label.getValue()));
  }
  return out;
}

struct Unit {
  uint64_t nanoseconds;
  absl::string_view name;
};
constexpr uint64_t kSecond = 1'000'000'000;
constexpr std::array kUnits = {Unit{24 * 3600 * kSecond, "d"}, Unit{3600 * kSecond, "h"},
                               Unit{60 * kSecond, "min"}, Unit{kSecond, "s"},
                               Unit{kSecond / 1000, "ms"}};

}  // namespace

std::string FormatSpan(uint64_t nanoseconds) {
  constexpr uint64_t kFewEnoughForTenths = 10;
  for (const Unit& unit : kUnits) {
    const uint64_t whole = nanoseconds / unit.nanoseconds;
    if (whole == 0) continue;
    if (whole >= kFewEnoughForTenths) return absl::StrCat(whole, " ", unit.name);
    return absl::StrFormat("%.1f %s",
                           static_cast<double>(nanoseconds) / static_cast<double>(unit.nanoseconds),
                           unit.name);
  }
  return "0 s";
}

std::string NameOf(rpc::MachineInfo::Reader machine) {
  if (machine.getName().size() != 0) return api::FromText(machine.getName());
  return absl::StrCat("#", machine.getId());
}

Cell StateCell(rpc::MachineState state) {
  switch (state) {
    case rpc::MachineState::CREATED:
      return {"created", Colour::kYellow};
    case rpc::MachineState::RUNNING:
      return {"running", Colour::kGreen};
    case rpc::MachineState::PAUSED:
      return {"paused", Colour::kYellow};
    case rpc::MachineState::ENDED:
      return {"ended", Colour::kRed};
  }
  return {"unknown"};
}

TextTable MachineTable(const std::vector<rpc::MachineInfo::Reader>& machines) {
  TextTable table({"NAME", "STATE", "CPUS", "MEMORY", "RESIDENT", "CPU TIME", "AGE", "LABELS"});
  const uint64_t now = NanosecondsSince1970();
  for (const auto machine : machines) {
    const uint64_t launched = machine.getLaunchedAt();
    table.Add({{NameOf(machine)},
               StateCell(machine.getState()),
               {absl::StrCat(machine.getCpus())},
               {FormatSize(machine.getMemoryBytes())},
               {FormatSize(machine.getResidentBytes())},
               {FormatSpan(machine.getCpuNanoseconds())},
               {FormatSpan(now > launched ? now - launched : 0)},
               {Labels(machine)}});
  }
  return table;
}

}  // namespace mayfly::cli
