#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "api/client/passt_process.h"
#include "virtio/net/ip_network.h"
#include "virtio/net/mac_address.h"
#include "virtio/net/net_filter_config.h"
#include "virtio/rate/rate_limiter.h"

namespace mayfly::cli {

// More has no use: a queue pair each for as many vCPUs.
inline constexpr uint16_t kMaxQueuePairs = 64;

// --net, understood.
struct NetOption {
  enum class Backend {
    kNone,
    kTap,   // by its name
    kFd,    // a tap that we were started with, open
    kUser,  // passt
  };
  Backend backend = Backend::kNone;
  std::string tap;                          // kTap's name
  std::vector<int> fds;                     // kFd's
  std::vector<api::PasstForward> forwards;  // kUser's
  std::optional<virtio::MacAddress> mac;
  uint16_t mtu = 0;  // 0: not told
  uint16_t queue_pairs = 1;
  std::vector<virtio::IpNetwork> addresses;
  std::optional<std::vector<virtio::EgressRule>> egress;
  virtio::RateLimits transmit;
  virtio::RateLimits receive;
};

// "none", "tap=NAME", "fd=N" or "user", then ",WORD"s. Errors: InvalidArgument, one sentence that
// begins with "--net".
[[nodiscard]] absl::StatusOr<NetOption> ParseNetOption(std::string_view text);

}  // namespace mayfly::cli
