#include "api/host/launch_check.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/codec/file_arrivals.h"
#include "api/codec/machine_spec.h"
#include "api/codec/utf8.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

// A specification is copied to its VMM, and may not cost more than this. The largest that a VMM
// takes has some KiB.
constexpr uint64_t kMostSpecWords = (uint64_t{1} << 20) / sizeof(capnp::word);
// As many as a VMM takes.
constexpr capnp::uint kMostDevices = 64;
constexpr size_t kLongestName = 64;
constexpr capnp::uint kMostLabels = 64;
constexpr size_t kLongestLabelName = 63;
constexpr size_t kLongestLabelValue = 255;

constexpr std::string_view kLettersAndDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

[[nodiscard]] bool Consists(std::string_view text, std::string_view further) {
  return std::ranges::all_of(text, [&](char c) {
    return kLettersAndDigits.find(c) != std::string_view::npos ||
           further.find(c) != std::string_view::npos;
  });
}

[[nodiscard]] std::string_view View(capnp::Text::Reader text) { return {text.cStr(), text.size()}; }

[[nodiscard]] absl::Status CheckSpec(rpc::MachineSpec::Reader spec) {
  if (spec.getDisks().size() > kMostDevices) {
    return BadField("disks", absl::StrCat("a machine has no room for ", spec.getDisks().size()));
  }
  if (spec.getNets().size() > kMostDevices) {
    return BadField("nets", absl::StrCat("a machine has no room for ", spec.getNets().size()));
  }
  const capnp::MessageSize size = spec.totalSize();
  if (size.capCount > kMaxFdsPerMessage) {
    return BadField("spec", absl::StrCat("it has ", size.capCount, " files; at most ",
                                         kMaxFdsPerMessage, " are taken"));
  }
  const uint64_t words = size.wordCount;
  if (words <= kMostSpecWords) return absl::OkStatus();
  return BadField(
      "spec", absl::StrCat("it takes ", words * sizeof(capnp::word), " bytes, of which at most ",
                           kMostSpecWords * sizeof(capnp::word), " are taken"));
}

}  // namespace

absl::Status CheckNameLength(std::string_view name) {
  if (name.size() <= kLongestName) return absl::OkStatus();
  return BadField("name", absl::StrCat("it has ", name.size(), " characters; at most ",
                                       kLongestName, " are taken"));
}

absl::Status CheckName(std::string_view name) {
  if (name.empty()) return absl::OkStatus();
  MAYFLY_RETURN_IF_ERROR(CheckNameLength(name));
  if (Consists(name, "-_.") && Consists(name.substr(0, 1), "")) return absl::OkStatus();
  return BadField("name",
                  "it may have letters, digits, \"-\", \"_\" and \".\", and begins with a letter "
                  "or digit");
}

absl::StatusOr<std::vector<VmLabel>> DecodeLabels(const std::string& field,
                                                  capnp::List<rpc::Label>::Reader reader) {
  if (reader.size() > kMostLabels) {
    return BadField(
        field, absl::StrCat("there are ", reader.size(), "; at most ", kMostLabels, " are taken"));
  }
  std::vector<VmLabel> labels;
  for (const auto label : reader) {
    const std::string at = absl::StrCat(field, "[", labels.size(), "]");
    const std::string_view name = View(label.getName());
    const std::string_view value = View(label.getValue());
    if (name.empty() || name.size() > kLongestLabelName || !Consists(name, "._-/")) {
      return BadField(at + ".name", absl::StrCat("it has 1 to ", kLongestLabelName,
                                                 " letters, digits and characters of \"._-/\""));
    }
    if (value.size() > kLongestLabelValue) {
      return BadField(at + ".value", absl::StrCat("it has ", value.size(), " bytes; at most ",
                                                  kLongestLabelValue, " are taken"));
    }
    if (!IsUtf8(value)) return BadField(at + ".value", "it is not UTF-8");
    if (std::ranges::any_of(labels, [&](const VmLabel& other) { return other.name == name; })) {
      return BadField(at + ".name", absl::StrCat("\"", ToAbsl(name), "\" is there twice"));
    }
    labels.push_back({.name = std::string(name), .value = std::string(value)});
  }
  return labels;
}

absl::StatusOr<VmFacts> DecodeFacts(rpc::Host::LaunchParams::Reader params) {
  const auto spec = params.getSpec();
  MAYFLY_RETURN_IF_ERROR(CheckSpec(spec));
  MAYFLY_RETURN_IF_ERROR(CheckName(View(params.getName())));
  VmFacts facts;
  facts.name = View(params.getName());
  facts.cpus = spec.getCpus();
  facts.memory_bytes = spec.getMemoryBytes();
  if (params.getDetached() && facts.name.empty()) {
    return BadField("name", "a VM that is detached needs one, by which it is found again");
  }
  MAYFLY_ASSIGN_OR_RETURN(facts.labels, DecodeLabels("labels", spec.getLabels()));
  return facts;
}

}  // namespace mayfly::api
