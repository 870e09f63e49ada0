#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace mayfly::api {

// How many listeners somebody may have at once: each takes a place, until it is gone.
class ListenerShare final {
 public:
  // `whose`, for messages: "this connection".
  ListenerShare(std::string whose, size_t most) : whose_(std::move(whose)), most_(most) {}
  ListenerShare(const ListenerShare&) = delete;
  ListenerShare& operator=(const ListenerShare&) = delete;
  ~ListenerShare() = default;

  // Errors: ResourceExhausted where no place is left.
  [[nodiscard]] absl::Status Check() const;
  // For each who comes: whether it is time to look for those who are gone, and have not said so.
  // From half of the places on; of many places, not for everyone who comes, since all are asked.
  [[nodiscard]] bool IsTimeToLook();
  void Take() { ++taken_; }
  void GiveBack() { --taken_; }
  // All who have a place are gone.
  void Close() { is_closed_ = true; }
  [[nodiscard]] bool is_closed() const { return is_closed_; }

 private:
  const std::string whose_;
  const size_t most_;
  size_t taken_ = 0;
  size_t came_ = 0;  // since those were looked for
  bool is_closed_ = false;
};

// All those in which a listener takes a place.
using ListenerShares = std::vector<std::shared_ptr<ListenerShare>>;

}  // namespace mayfly::api
