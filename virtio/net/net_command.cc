#include "virtio/net/net_command.h"

#include <span>

#include "virtio/protocol/net_protocol.h"

namespace mayfly::virtio {
namespace {

// Takes a T off the command's front. What follows it is not looked at.
template <typename T>
std::optional<T> Take(Buffers& command) {
  T value{};
  if (!command.TakeFront(std::as_writable_bytes(std::span(&value, 1)))) return std::nullopt;
  return value;
}

// 5.1.6.5.5.
std::optional<NetCommand> ParseQueuePairs(Buffers& command, uint16_t max_pairs) {
  const auto pairs = Take<uint16_t>(command);
  if (!pairs || *pairs < kNetMinQueuePairs || *pairs > max_pairs) return std::nullopt;
  return NetSetQueuePairs{*pairs};
}

// 5.1.6.5.6.
std::optional<NetCommand> ParseGuestOffloads(Buffers& command, uint64_t features) {
  const auto offloads = Take<uint64_t>(command);
  if (!offloads || (*offloads & ~(features & kNetGuestOffloads)) != 0) return std::nullopt;
  return NetSetGuestOffloads{*offloads};
}

}  // namespace

std::optional<NetCommand> ParseNetCommand(Buffers& command, uint64_t features, uint16_t max_pairs) {
  const auto header = Take<NetControlHeader>(command);
  if (!header) return std::nullopt;
  switch (static_cast<NetControlClass>(header->command_class)) {
    case NetControlClass::kMultiqueue:
      if ((features & kNetFeatureMultiqueue) == 0) return std::nullopt;
      if (header->command != kNetSetQueuePairs) return std::nullopt;
      return ParseQueuePairs(command, max_pairs);
    case NetControlClass::kGuestOffloads:
      if ((features & kNetFeatureControlGuestOffloads) == 0) return std::nullopt;
      if (header->command != kNetSetGuestOffloads) return std::nullopt;
      return ParseGuestOffloads(command, features);
  }
  return std::nullopt;
}

}  // namespace mayfly::virtio
