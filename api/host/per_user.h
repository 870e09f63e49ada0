#pragma once

#include <sys/types.h>

#include <map>
#include <memory>

namespace mayfly::api {

// What each user has one of, as long as somebody holds it.
template <typename T>
class PerUser final {
 public:
  // The user's; made by `make` (a std::shared_ptr<T>) where it has none.
  template <typename Make>
  [[nodiscard]] std::shared_ptr<T> Of(uid_t user, const Make& make) {
    if (const auto known = users_.find(user); known != users_.end()) {
      if (std::shared_ptr<T> held = known->second.lock()) return held;
    }
    std::erase_if(users_, [](const auto& other) { return other.second.expired(); });
    std::shared_ptr<T> made = make();
    users_[user] = made;
    return made;
  }

 private:
  std::map<uid_t, std::weak_ptr<T>> users_;
};

}  // namespace mayfly::api
