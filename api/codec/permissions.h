#pragma once

#include <capnp/list.h>

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/mayfly.capnp.h"

namespace mayfly::api {

// What a holder of a `Machine` may do with it (Machine.narrow), for whoever serves that interface:
// checked once, before a call is dispatched.
class Permissions final {
 public:
  [[nodiscard]] static Permissions All() { return Permissions(kAll); }

  // Those of `asked`, which must all be among these. Errors: PermissionDenied naming one that is
  // not; InvalidArgument for one that is not known, or too many.
  [[nodiscard]] absl::StatusOr<Permissions> Narrow(
      capnp::List<rpc::Permission>::Reader asked) const;
  // Whether the method of `Machine` with this number may be called. Errors: PermissionDenied,
  // naming it.
  [[nodiscard]] absl::Status Check(uint16_t method) const;

  [[nodiscard]] bool operator==(const Permissions&) const = default;

 private:
  using Bits = uint8_t;
  static constexpr Bits kAll = 0xf;

  explicit Permissions(Bits bits) : bits_(bits) {}

  Bits bits_;  // by the numbers of rpc::Permission
};

}  // namespace mayfly::api
