#include "api/cli/host/limit_change.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "api/cli/option_words.h"
#include "api/cli/units.h"
#include "api/codec/rate_limits_codec.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

constexpr uint64_t kMostDevices = 63;  // a machine has no room for more

// Those of a direction that a word is about.
[[nodiscard]] virtio::RateLimits& Mention(std::optional<virtio::RateLimits>& direction) {
  return direction ? *direction : direction.emplace();
}

// The limit that `key` is of; nullptr where it is of none.
[[nodiscard]] virtio::RateLimit* LimitOf(std::string_view key, Change& change) {
  if (change.what == UpdateOption::kDisk) {
    if (key == "iops") return &change.disk.operations;
    if (key == "bps") return &change.disk.bytes;
  }
  if (change.what == UpdateOption::kNet) {
    if (key == "tx-pps") return &Mention(change.transmit).operations;
    if (key == "tx-bps") return &Mention(change.transmit).bytes;
    if (key == "rx-pps") return &Mention(change.receive).operations;
    if (key == "rx-bps") return &Mention(change.receive).bytes;
  }
  return nullptr;
}

[[nodiscard]] std::string_view NamesOf(UpdateOption what) {
  return what == UpdateOption::kDisk ? "iops=, bps=" : "tx-pps=, tx-bps=, rx-pps=, rx-bps=";
}

[[nodiscard]] absl::Status ApplyWord(std::string_view text, Change& change) {
  const OptionWord word = SplitWord(text);
  virtio::RateLimit* const limit = LimitOf(word.key, change);
  if (limit == nullptr || !word.value) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", ToAbsl(text), "\" is none of ", ToAbsl(NamesOf(change.what))));
  }
  const RateUnit unit = word.key.ends_with("bps") ? RateUnit::kBytes : RateUnit::kOperations;
  MAYFLY_ASSIGN_OR_RETURN(*limit, ParseRate(*word.value, unit));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Change> ParseChange(UpdateOption what, std::string_view text) {
  Change change{.what = what};
  const std::vector<std::string_view> words = SplitWords(text);
  MAYFLY_ASSIGN_OR_RETURN(const uint64_t number, ParseNumber(words.front(), 0, kMostDevices));
  change.number = static_cast<uint32_t>(number);
  if (what == UpdateOption::kResize && words.size() > 1) {
    return absl::InvalidArgumentError("it is a number alone");
  }
  for (size_t i = 1; i < words.size(); ++i) MAYFLY_RETURN_IF_ERROR(ApplyWord(words[i], change));
  return change;
}

std::string_view NameOf(UpdateOption what) {
  switch (what) {
    case UpdateOption::kDisk:
      return "--disk";
    case UpdateOption::kNet:
      return "--net";
    case UpdateOption::kResize:
      return "--resize";
  }
  return "";
}

void EncodeNetChange(const Change& change, rpc::Machine::UpdateNetParams::Builder params) {
  params.setNet(change.number);
  const bool is_both = !change.transmit && !change.receive;
  if (is_both || change.transmit) {
    api::EncodeRateLimits(change.transmit.value_or(virtio::RateLimits{}), params.initTransmit());
  }
  if (is_both || change.receive) {
    api::EncodeRateLimits(change.receive.value_or(virtio::RateLimits{}), params.initReceive());
  }
}

}  // namespace mayfly::cli
