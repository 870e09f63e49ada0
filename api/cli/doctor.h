#pragma once

#include <span>
#include <string>
#include <vector>

namespace mayfly::cli {

// What a look at the host has found.
struct Finding {
  enum class Weight {
    kGood,
    kNote,   // works, but slower or with less than it could
    kFault,  // guests cannot run
  };
  Weight weight = Weight::kGood;
  std::string what;    // a sentence
  std::string remedy;  // what to do; empty where there is nothing to do
};

// The places that are looked at; tests make their own.
struct HostPaths {
  std::string kvm = "/dev/kvm";
  std::string tun = "/dev/net/tun";
  std::string root;  // before /proc and /sys
};

// Looks at the host; starts no VM, changes nothing.
[[nodiscard]] std::vector<Finding> Examine(const HostPaths& paths);
// For people, one finding after the other.
[[nodiscard]] std::string FormatFindings(std::span<const Finding> findings);

// `mayfly doctor`. Answers the exit code.
[[nodiscard]] int DoctorCommand(std::span<char* const> arguments);

}  // namespace mayfly::cli
