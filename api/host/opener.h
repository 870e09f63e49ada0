#pragma once

#include <span>

namespace mayfly::api {

// What a host service starts its own program with, as the only word, to have an opener.
inline constexpr char kOpenerWord[] = "--open-for-a-client";
// The socket that an opener is asked through: the first number behind the standard ones.
inline constexpr int kOpenerSocket = 3;

[[nodiscard]] bool IsOpener(std::span<char* const> arguments);

// The life of an opener (opener.capnp): a process that becomes a client's user, opens what the
// client has named, and hands it to the host service, which is not held up by what it waits for,
// and has no such rights lent to it. Ends with its socket. Answers the exit status.
[[nodiscard]] int RunOpener();

}  // namespace mayfly::api
