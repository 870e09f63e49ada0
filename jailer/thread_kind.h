#pragma once

#include <array>
#include <cstddef>

namespace mayfly::jailer {

// The threads of a VMM, which differ in the system calls that they need.
enum class ThreadKind {
  kApi,   // talks to the client
  kIo,    // serves the devices' queues
  kVcpu,  // runs the guest
};

inline constexpr std::array kThreadKinds = {ThreadKind::kApi, ThreadKind::kIo, ThreadKind::kVcpu};

[[nodiscard]] constexpr const char* ThreadName(ThreadKind thread) {
  constexpr std::array kNames = {"api", "io", "vcpu"};
  return kNames.at(static_cast<size_t>(thread));
}

}  // namespace mayfly::jailer
