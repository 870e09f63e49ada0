#include "api/codec/rate_limits_codec.h"

namespace mayfly::api {
namespace {

void EncodeRateLimit(const virtio::RateLimit& limit, rpc::RateLimit::Builder builder) {
  builder.setPerSecond(limit.per_second);
  builder.setBurst(limit.burst);
}

[[nodiscard]] virtio::RateLimit DecodeRateLimit(rpc::RateLimit::Reader reader) {
  return {.per_second = reader.getPerSecond(), .burst = reader.getBurst()};
}

}  // namespace

void EncodeRateLimits(const virtio::RateLimits& limits, rpc::RateLimits::Builder builder) {
  EncodeRateLimit(limits.operations, builder.initOperations());
  EncodeRateLimit(limits.bytes, builder.initBytes());
}

virtio::RateLimits DecodeRateLimits(rpc::RateLimits::Reader reader) {
  return {.operations = DecodeRateLimit(reader.getOperations()),
          .bytes = DecodeRateLimit(reader.getBytes())};
}

}  // namespace mayfly::api
