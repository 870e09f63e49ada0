// What has been taken over: `attacker CONFINEMENT ATTACK HOST-PROCESS PORT SOCKET`, with /dev/kvm
// as descriptor 3. CONFINEMENT is what is done as a VMM does it first:
//
//   api, io, vcpu  all of it, with the filter of a thread of this kind
//   landlock       what landlock keeps it from, and nothing else
//   user           a user of its own, and nothing else
//   none           nothing, so that only what surrounds the process holds it
//
// Tells on descriptor 1 what came of the attack (DONE, or the errno's name), and ends with 0.

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "absl/status/status.h"
#include "api/server/confinement.h"
#include "jailer/landlock.h"
#include "jailer/privileges.h"
#include "jailer/vm_ids.h"
#include "tests/jail/attacks.h"

namespace mayfly::testing {
namespace {

constexpr int kMisused = 2;
constexpr int kKvmFd = 3;

[[nodiscard]] absl::Status FilterAs(vmm::ThreadRole role) {
  const absl::Status confined = api::ConfineProcess();
  return confined.ok() ? api::FilterThread(role) : confined;
}

[[nodiscard]] absl::Status Confine(std::string_view how) {
  if (how == "api") return FilterAs(vmm::ThreadRole::kControl);
  if (how == "io") return FilterAs(vmm::ThreadRole::kIo);
  if (how == "vcpu") return FilterAs(vmm::ThreadRole::kVcpu);
  if (how == "landlock") return jailer::ForsakeFiles();
  if (how == "user") {
    const char* const failed = jailer::RenouncePrivileges(jailer::kFirstVmId);
    return failed == nullptr ? absl::OkStatus() : absl::InternalError(failed);
  }
  if (how == "none") return absl::OkStatus();
  return absl::InvalidArgumentError("unknown confinement");
}

}  // namespace
}  // namespace mayfly::testing

int main(int argc, char** argv) {
  using namespace mayfly::testing;
  constexpr int kWords = 6;
  if (argc != kWords) return kMisused;
  const auto attacks = AllAttacks();
  const auto attack = std::ranges::find(attacks, std::string_view(argv[2]), &Attack::name);
  const Target target{.host_process = std::atoi(argv[3]),
                      .tcp_port = static_cast<uint16_t>(std::atoi(argv[4])),
                      .socket = argv[5],
                      .kvm = kKvmFd};
  if (attack == attacks.end() || !Confine(argv[1]).ok()) return kMisused;
  const long result = attack->run(target);
  const char* const outcome = result >= 0 ? "DONE" : ::strerrorname_np(errno);
  return ::write(1, outcome, std::strlen(outcome)) > 0 ? 0 : kMisused;
}
