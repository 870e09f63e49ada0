#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "api/cli/host/commands.h"
#include "api/cli/host/host_command.h"
#include "api/cli/host/machine_rows.h"
#include "api/cli/output/json.h"
#include "api/cli/say.h"
#include "api/cli/table/commands.h"
#include "api/cli/units.h"

namespace mayfly::cli {
namespace {

[[nodiscard]] uint64_t Dropped(rpc::NetDirectionStats::Reader direction) {
  uint64_t frames = 0;
  for (const auto drops : direction.getDrops()) frames += drops.getFrames();
  return frames;
}

[[nodiscard]] std::string Disks(rpc::MachineStats::Reader stats, bool colours) {
  if (stats.getDisks().size() == 0) return "";
  TextTable table({"DISK", "SIZE", "READS", "READ", "WRITES", "WRITTEN", "FLUSHES", "ERRORS",
                   "THROTTLED", "OVERLAY"});
  unsigned number = 0;
  for (const auto disk : stats.getDisks()) {
    table.Add({{absl::StrCat(number++)},
               {FormatSize(disk.getCapacity())},
               {absl::StrCat(disk.getReads())},
               {FormatSize(disk.getReadBytes())},
               {absl::StrCat(disk.getWrites())},
               {FormatSize(disk.getWrittenBytes())},
               {absl::StrCat(disk.getFlushes())},
               {absl::StrCat(disk.getErrors())},
               {absl::StrCat(disk.getThrottled())},
               {FormatSize(disk.getOverlayBytes())}});
  }
  return "\n" + table.Format(colours);
}

[[nodiscard]] std::string Nets(rpc::MachineStats::Reader stats, bool colours) {
  if (stats.getNets().size() == 0) return "";
  TextTable table({"NET", "WAY", "PACKETS", "BYTES", "THROTTLED", "DROPPED"});
  unsigned number = 0;
  for (const auto net : stats.getNets()) {
    const auto add = [&](const char* way, rpc::NetDirectionStats::Reader direction) {
      table.Add({{absl::StrCat(number)},
                 {way},
                 {absl::StrCat(direction.getPackets())},
                 {FormatSize(direction.getBytes())},
                 {absl::StrCat(direction.getThrottled())},
                 {absl::StrCat(Dropped(direction))}});
    };
    add("sent", net.getTransmit());
    add("received", net.getReceive());
    ++number;
  }
  return "\n" + table.Format(colours);
}

[[nodiscard]] std::string Show(rpc::MachineStats::Reader stats) {
  const bool colours = UsesColours(STDOUT_FILENO);
  std::string out;
  absl::StrAppend(&out, "state     ", StateCell(stats.getState()).text, "\n");
  absl::StrAppend(&out, "cpu time  ", FormatSpan(stats.getCpuNanoseconds()), "\n");
  if (stats.getResidentBytes() != 0) {
    absl::StrAppend(&out, "resident  ", FormatSize(stats.getResidentBytes()), "\n");
  }
  absl::StrAppend(&out, "console   ", FormatSize(stats.getConsoleBytes()), " written\n");
  absl::StrAppend(&out, "events    ", stats.getEvents(), "\n");
  return out + Disks(stats, colours) + Nets(stats, colours);
}

}  // namespace

int StatsCommand(std::span<char* const> arguments) {
  HostCommand command(kStatsCommand, arguments);
  if (const auto code = command.Read()) return *code;
  auto host = command.Connect();
  if (!host.ok()) return command.Finish(host.status());
  auto machine = (*host)->Get(command.line().operands().front());
  if (!machine.ok()) return command.Finish(machine.status());
  auto response = (*host)->Await(machine->statsRequest().send());
  if (!response.ok()) return command.Finish(response.status());
  const auto stats = response->getStats();
  return Print(command.format() == Format::kJson ? ToJson(stats) : Show(stats));
}

}  // namespace mayfly::cli
