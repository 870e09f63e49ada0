#include "api/cli/doctor.h"

#include <capnp/message.h>

#include <string_view>

#include "absl/strings/str_cat.h"
#include "api/cli/doctor_cgroups.h"
#include "api/cli/doctor_devices.h"
#include "api/cli/doctor_host.h"
#include "api/cli/doctor_jail.h"
#include "api/cli/doctor_keys.h"
#include "api/cli/doctor_kvm.h"
#include "api/cli/exit_code.h"
#include "api/cli/output/format.h"
#include "api/cli/output/json.h"
#include "api/cli/output/reports.capnp.h"
#include "api/cli/say.h"
#include "api/cli/table/command_line.h"
#include "api/cli/table/commands.h"
#include "api/codec/text.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

[[nodiscard]] std::string_view Mark(Finding::Weight weight) {
  switch (weight) {
    case Finding::Weight::kGood:
      return "ok    ";
    case Finding::Weight::kNote:
      return "note  ";
    case Finding::Weight::kFault:
      return "FAULT ";
  }
  return "";
}

[[nodiscard]] bool GuestsCanRun(std::span<const Finding> findings) {
  for (const Finding& finding : findings) {
    if (finding.weight == Finding::Weight::kFault) return false;
  }
  return true;
}

[[nodiscard]] report::Finding::Weight WeightOf(Finding::Weight weight) {
  switch (weight) {
    case Finding::Weight::kGood:
      return report::Finding::Weight::GOOD;
    case Finding::Weight::kNote:
      return report::Finding::Weight::NOTE;
    case Finding::Weight::kFault:
      return report::Finding::Weight::FAULT;
  }
  return report::Finding::Weight::FAULT;
}

[[nodiscard]] std::string FindingsAsJson(std::span<const Finding> findings) {
  capnp::MallocMessageBuilder message;
  auto doctor = message.initRoot<report::Doctor>();
  doctor.setGuestsCanRun(GuestsCanRun(findings));
  auto list = doctor.initFindings(static_cast<capnp::uint>(findings.size()));
  capnp::uint position = 0;
  for (const Finding& finding : findings) {
    auto entry = list[position++];
    entry.setWeight(WeightOf(finding.weight));
    entry.setWhat(api::ToText(finding.what));
    if (!finding.remedy.empty()) entry.setRemedy(api::ToText(finding.remedy));
  }
  return ToJson(doctor.asReader());
}

}  // namespace

std::vector<Finding> Examine(const HostPaths& paths) {
  std::vector<Finding> findings;
  ExamineKvm(paths, findings);
  ExamineHost(paths, findings);
  ExamineJail(findings);
  ExamineKeys(paths, findings);
  ExamineCgroups(paths, findings);
  ExamineDevices(paths, findings);
  return findings;
}

std::string FormatFindings(std::span<const Finding> findings) {
  std::string text;
  for (const Finding& finding : findings) {
    absl::StrAppend(&text, ToAbsl(Mark(finding.weight)), finding.what, "\n");
    if (!finding.remedy.empty()) absl::StrAppend(&text, "      -> ", finding.remedy, "\n");
  }
  absl::StrAppend(
      &text, GuestsCanRun(findings) ? "Guests can run here.\n" : "Guests cannot run here yet.\n");
  return text;
}

int DoctorCommand(std::span<char* const> arguments) {
  CommandLine line(kDoctorCommand, "doctor", arguments);
  Format format = Format::kText;
  if (const auto code = ReadFormat(line, format)) return *code;
  const std::vector<Finding> findings = Examine(HostPaths());
  const std::string text =
      format == Format::kJson ? FindingsAsJson(findings) : FormatFindings(findings);
  if (const int code = Print(text); code != 0) return code;
  return static_cast<int>(GuestsCanRun(findings) ? ExitCode::kSuccess
                                                 : ExitCode::kDoctorFindsFault);
}

}  // namespace mayfly::cli
