#pragma once

#include <capnp/schema.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace mayfly::api {

// As the schema spells it, such as "powerOff"; the number, where a newer schema than ours has it.
template <typename Enum>
[[nodiscard]] std::string EnumName(Enum value) {
  const auto enumerants = capnp::Schema::from<Enum>().getEnumerants();
  const auto number = static_cast<capnp::uint>(value);
  if (number >= enumerants.size()) return absl::StrCat(number);
  return enumerants[number].getProto().getName().cStr();
}

}  // namespace mayfly::api
