#pragma once

#include <optional>
#include <string>

namespace mayfly::cli {

// The host service that a command is for.
struct HostChoice {
  std::string path;        // of its socket; empty: none
  bool asked_for = false;  // by the user: it is a mistake where it does not answer
};

// --host where it is given, then $MAYFLY_HOST, then the socket of this user's own service. The word
// "none" stands for none.
[[nodiscard]] HostChoice ChooseHost(const std::optional<std::string>& option);

// Whether somebody listens there now: one connect(2) where nobody does.
[[nodiscard]] bool HostAnswers(const std::string& path);

// For --host in front of the command.
void SetHost(const char* path);

}  // namespace mayfly::cli
