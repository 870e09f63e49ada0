#include "api/codec/permissions.h"

#include <array>

#include "absl/strings/str_cat.h"

namespace mayfly::api {
namespace {

enum class Need : uint8_t { kWait, kConsole, kStats, kControl, kNothing };

struct Method {
  const char* name;
  Need need;
};

// By their numbers in the schema, which permissions_test compares. Those behind the last are newer,
// and control.
constexpr std::array kMethods = {
    Method{"start", Need::kControl},     Method{"kill", Need::kControl},
    Method{"wait", Need::kWait},         Method{"console", Need::kConsole},
    Method{"timeline", Need::kStats},    Method{"updateDisk", Need::kControl},
    Method{"updateNet", Need::kControl}, Method{"resizeDisk", Need::kControl},
    Method{"stats", Need::kStats},       Method{"events", Need::kWait},
    Method{"narrow", Need::kNothing},    Method{"detach", Need::kControl},
    Method{"attach", Need::kControl},    Method{"pause", Need::kControl},
    Method{"resume", Need::kControl},    Method{"powerButton", Need::kControl},
};
constexpr Method kNewerMethod = {"a newer method", Need::kControl};

static_assert(static_cast<unsigned>(Need::kControl) ==
              static_cast<unsigned>(rpc::Permission::CONTROL));

constexpr std::array kNames = {"wait", "console", "stats", "control"};

// Each can be said more than once, but not for ever.
constexpr capnp::uint kMostAsked = 64;

[[nodiscard]] absl::Status Denied(absl::string_view what, size_t permission) {
  return absl::PermissionDeniedError(
      absl::StrCat(what, ": this handle of the VM was given away without the permission `",
                   kNames.at(permission), "`"));
}

}  // namespace

absl::StatusOr<Permissions> Permissions::Narrow(capnp::List<rpc::Permission>::Reader asked) const {
  if (asked.size() > kMostAsked) {
    return absl::InvalidArgumentError(absl::StrCat("permissions: there are ", asked.size(),
                                                   "; at most ", kMostAsked, " are taken"));
  }
  Bits bits = 0;
  for (const rpc::Permission permission : asked) {
    const auto number = static_cast<size_t>(permission);
    if (number >= kNames.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("permissions: there is no permission ", number));
    }
    const auto bit = static_cast<Bits>(1U << number);
    if ((bits_ & bit) == 0) return Denied("permissions", number);
    bits = static_cast<Bits>(bits | bit);
  }
  return Permissions(bits);
}

absl::Status Permissions::Check(uint16_t method) const {
  const Method& called = method < kMethods.size() ? kMethods.at(method) : kNewerMethod;
  if (called.need == Need::kNothing) return absl::OkStatus();
  const auto need = static_cast<size_t>(called.need);
  if ((bits_ >> need & 1U) != 0) return absl::OkStatus();
  return Denied(called.name, need);
}

}  // namespace mayfly::api
