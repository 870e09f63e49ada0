#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>

#include "api/host/host_report.h"
#include "api/host/peer.h"
#include "api/host_config.capnp.h"

namespace mayfly::api {

// How many connections there are, and may be.
class ConnectionLimits final {
 public:
  // `most`: those that can be had (HostBudget::connections).
  ConnectionLimits(uint32_t most, rpc::HostConfig::Reader config)
      : most_(most), most_each_user_(config.getConnectionsEachUser()) {}

  // Whether one more of `peer`'s may be; it then counts until Leave().
  [[nodiscard]] bool Enter(const Peer& peer);
  void Leave(const Peer& peer);
  [[nodiscard]] ConnectionCount count() const { return {.now = now_, .most = most_}; }

 private:
  const uint32_t most_;
  const uint32_t most_each_user_;
  uint32_t now_ = 0;
  std::map<uid_t, uint32_t> users_;
};

}  // namespace mayfly::api
