#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>

namespace mayfly::testing {

// What an attack is aimed at.
struct Target {
  pid_t host_process = 0;   // of who started the attacker, by the host's numbers
  uint16_t tcp_port = 0;    // somebody listens there on the host's loopback,
  const char* socket = "";  // and at this abstract Unix address (without its leading zero)
  int kvm = -1;             // /dev/kvm, open
};

// What somebody would try who has taken a thread of a VMM over: one system call.
struct Attack {
  const char* name;
  const char* system_call;
  // As syscall(2): what came of it, with errno.
  long (*run)(const Target& target);
};

// No thread of a VMM has a use for any of these.
[[nodiscard]] std::span<const Attack> AllAttacks();

}  // namespace mayfly::testing
