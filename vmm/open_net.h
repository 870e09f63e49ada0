#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "virtio/net/net.h"
#include "vmm/net_config.h"

namespace mayfly::vmm {

// The network device that `config` says, over its backend. `io` outlives the device. Errors: those
// of the backend and of virtio::Net, with the device's name.
[[nodiscard]] absl::StatusOr<std::unique_ptr<virtio::Net>> OpenNet(NetConfig config, EventLoop& io);

}  // namespace mayfly::vmm
