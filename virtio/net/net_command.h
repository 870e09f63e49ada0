#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "virtio/core/buffers.h"

namespace mayfly::virtio {

// What a driver asks for in the control queue (virtio 1.2, 5.1.6.5).
struct NetSetQueuePairs {
  uint16_t pairs = 0;
};
struct NetSetGuestOffloads {
  uint64_t offloads = 0;
};
using NetCommand = std::variant<NetSetQueuePairs, NetSetGuestOffloads>;

// Reads a command, its numbers within what `features` (negotiated) and `max_pairs` allow. nullopt
// where it is cut off, unknown, without its feature, or out of bounds: the answer is an error.
[[nodiscard]] std::optional<NetCommand> ParseNetCommand(Buffers& command, uint64_t features,
                                                        uint16_t max_pairs);

}  // namespace mayfly::virtio
