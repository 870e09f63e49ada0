#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vmm/cpu_profile.h"

namespace mayfly::api {

// Keeps this host's CpuProfile in a file of the user's, from one command to the next: asking KVM
// takes about a millisecond where the host is itself virtual, reading the file some microseconds.
//
// The file answers for one boot and one /dev/kvm only, is checked when read, and is never needed:
// whatever is wrong with it, KVM is asked, and the file replaced. Threading: none of its
// own; processes may share a directory.
class CpuProfileCache final {
 public:
  // `directory` is made, private to the user, when first written to. Empty: nothing is kept.
  explicit CpuProfileCache(std::string directory) : directory_(std::move(directory)) {}
  // $XDG_RUNTIME_DIR/mayfly, otherwise $XDG_CACHE_HOME/mayfly, otherwise $HOME/.cache/mayfly; where
  // none is set, nothing is kept.
  [[nodiscard]] static CpuProfileCache OfUser();

  // The profile, from the file or else from `kvm` (/dev/kvm). Errors: those of CpuProfile::Probe().
  [[nodiscard]] absl::StatusOr<vmm::CpuProfile> Get(int kvm) const;
  // From the file only; nothing where it does not answer for `kvm`.
  [[nodiscard]] std::optional<vmm::CpuProfile> Load(int kvm) const;
  // Into the file. Errors say why it could not be kept; nobody needs to mind.
  [[nodiscard]] absl::Status Store(int kvm, const vmm::CpuProfile& profile) const;
  // The file.
  [[nodiscard]] std::string path() const;

 private:
  std::string directory_;
};

}  // namespace mayfly::api
