#pragma once

#include "api/mayfly.capnp.h"
#include "virtio/rate/rate_limiter.h"

namespace mayfly::api {

void EncodeRateLimits(const virtio::RateLimits& limits, rpc::RateLimits::Builder builder);
[[nodiscard]] virtio::RateLimits DecodeRateLimits(rpc::RateLimits::Reader reader);

}  // namespace mayfly::api
