#pragma once

#include <array>
#include <cstddef>
#include <string>

namespace mayfly::bench {

// What a process is started in.
enum class JailKind {
  kNone,
  kPrepared,  // by root, made once for many
  kInCgroup,  // the same, held to limits of CPU, memory and processes
  kLoneRoot,  // by root, made anew
  kLoneUser,  // by an ordinary user, made anew
};

inline constexpr std::array kJailKinds = {JailKind::kNone, JailKind::kPrepared, JailKind::kInCgroup,
                                          JailKind::kLoneRoot, JailKind::kLoneUser};

[[nodiscard]] inline std::string JailKindName(JailKind kind) {
  constexpr std::array kNames = {"no jail", "prepared", "with cgroup", "lone, root", "lone, user"};
  return kNames.at(static_cast<size_t>(kind));
}

}  // namespace mayfly::bench
