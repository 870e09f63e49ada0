#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "api/cli/table/commands.h"
#include "api/mayfly.capnp.h"
#include "virtio/rate/rate_limiter.h"

namespace mayfly::cli {

// One of `update`'s --disk, --net and --resize, understood.
struct Change {
  UpdateOption what = UpdateOption::kDisk;
  uint32_t number = 0;
  virtio::RateLimits disk = {};
  // Where a word was about it.
  std::optional<virtio::RateLimits> transmit = {};
  std::optional<virtio::RateLimits> receive = {};
};

// Errors: InvalidArgument, without the option's name.
[[nodiscard]] absl::StatusOr<Change> ParseChange(UpdateOption what, std::string_view text);

// Of the option, as it is written.
[[nodiscard]] std::string_view NameOf(UpdateOption what);

// What is sent of a --net: a direction that is not sent keeps its own limits.
void EncodeNetChange(const Change& change, rpc::Machine::UpdateNetParams::Builder params);

}  // namespace mayfly::cli
