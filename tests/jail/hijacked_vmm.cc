// A mayfly-vmm one of whose threads, of the role HIJACKED, has been taken over: under its filter it
// does what the one would try that took it over.
//
// Which of AllAttacks() that is, whoever starts it says by the one thing that the jail leaves of
// its starter's and that no VM has a use for: the soft limit of POSIX queues (RLIMIT_MSGQUEUE).
// Without it, it opens a file.

#include <sys/resource.h>

#include <charconv>
#include <memory>
#include <span>
#include <string_view>

#include "api/server/confinement.h"
#include "api/server/serve_vm.h"
#include "base/timeline.h"
#include "tests/jail/attacks.h"

namespace {

using mayfly::testing::Attack;

[[nodiscard]] const Attack& ChosenAttack() {
  const std::span<const Attack> attacks = mayfly::testing::AllAttacks();
  rlimit number{};
  const bool is_one =
      ::getrlimit(RLIMIT_MSGQUEUE, &number) == 0 && number.rlim_cur < attacks.size();
  return attacks[is_one ? number.rlim_cur : 0];
}

}  // namespace

int main(int argc, char** argv) {
  using namespace mayfly;
  int socket = -1;
  const std::string_view number = argc == 3 ? argv[2] : "";
  std::from_chars(number.data(), number.data() + number.size(), socket);
  const Attack& attack = ChosenAttack();
  if (!api::ConfineProcess().ok()) return 1;
  api::ServeVm(socket, std::make_shared<Timeline>(), [&attack](vmm::ThreadRole role) {
    const absl::Status filtered = api::FilterThread(role);
    if (filtered.ok() && role == vmm::ThreadRole::HIJACKED) (void)attack.run({});
    return filtered;
  });
}
