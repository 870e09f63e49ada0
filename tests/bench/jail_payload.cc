// What jail_bench starts: tells when its main() began, and when it acted first, which is telling
// that (MonotonicNow(), which all processes share). With an argument it shuts itself in before, as
// mayfly-vmm does.
#include <unistd.h>

#include <array>

#include "base/clock.h"
#include "jailer/landlock.h"
#include "jailer/seccomp.h"

int main(int argc, char** /*argv*/) {
  using namespace mayfly;
  const Nanoseconds begin = MonotonicNow();
  if (argc > 1 &&
      !(jailer::ForsakeFiles().ok() && jailer::InstallFilter(jailer::ThreadKind::kApi).ok())) {
    return 1;
  }
  const std::array times = {begin, MonotonicNow()};
  return ::write(STDOUT_FILENO, times.data(), sizeof times) == sizeof times ? 0 : 1;
}
