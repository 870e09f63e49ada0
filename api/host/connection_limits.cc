#include "api/host/connection_limits.h"

namespace mayfly::api {

bool ConnectionLimits::Enter(const Peer& peer) {
  const auto user = users_.find(peer.uid);
  const uint32_t of_user = user == users_.end() ? 0 : user->second;
  // A master can always put things right.
  if (!peer.IsMaster() && (now_ >= most_ || of_user >= most_each_user_)) return false;
  users_[peer.uid] = of_user + 1;
  ++now_;
  return true;
}

void ConnectionLimits::Leave(const Peer& peer) {
  --now_;
  if (--users_[peer.uid] == 0) users_.erase(peer.uid);
}

}  // namespace mayfly::api
